"""The pages that the region edits, as everybody reads them, and as its administrators edit them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import LANGUAGES
from sharing_platform.organisations.dependencies import Page, PageRequest, require_person
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, validate_form
from sharing_platform.region import site_service
from sharing_platform.region.schemas import SitePageIn
from sharing_platform.site_pages import versions
from sharing_platform.site_pages.rendering import gaps, rendered
from sharing_platform.site_pages.versions import BINDING, PAGES

router = APIRouter(include_in_schema=False)

NOTICE = timedelta(days=15)
"""How long before they apply new terms are announced (Regulation 2019/1150, article 3)."""
_SECURITY_TEXT_LASTS = timedelta(days=90)
"""After this whoever has a copy asks for another."""


@router.get("/about")
@router.get("/contact")
@router.get("/privacy")
@router.get("/terms")
def get_site_page(page: Page) -> HTMLResponse:
    """`version`: another than the present one, by its number."""
    name = page.request.url.path.strip("/")
    asked = page.request.query_params.get("version", "")
    with read_session(page.context.sessions) as session:
        now = versions.present(session, name, page.now)
        shown = versions.version(session, name, _number(asked)) if asked else now
        return page.render(
            "site_page.html",
            name=name,
            shown=shown,
            present=now,
            coming=versions.coming(session, name, page.now),
            history=versions.history(session, name) if name in BINDING else [],
            text=rendered(
                shown.text(page.language), site_service.facts(session, page.context, page.translator), page.language
            ),
        )


@router.get("/.well-known/security.txt", response_class=PlainTextResponse)
def get_security_text(page: Page) -> str:
    """Where to report a vulnerability (RFC 9116)."""
    url, day = page.context.url, page.now.replace(hour=0, minute=0, second=0, microsecond=0)
    contacts = [*([page.context.security_contact] if page.context.security_contact else []), f"{url}/contact"]
    lines = [
        *(f"Contact: {contact}" for contact in contacts),
        f"Expires: {day + _SECURITY_TEXT_LASTS:%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(LANGUAGES)}",
        f"Canonical: {url}/.well-known/security.txt",
    ]
    return "\n".join(lines) + "\n"


@router.post("/terms/accepted")
def post_accepted(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    site_service.accept_terms(page.context, person, _number(form.get("version", "")))
    return page.redirect("/desk", "saved")


@router.get("/region/pages")
def get_pages(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    with read_session(page.context.sessions) as session:
        found = [
            (versions.present(session, name, page.now), versions.coming(session, name, page.now)) for name in PAGES
        ]
        open_gaps = {now.name: {gap for language in LANGUAGES for gap in gaps(now.text(language))} for now, _ in found}
        return page.render("region_pages.html", found=found, gaps=open_gaps)


@router.get("/region/pages/{name}")
def get_edit(name: str, page: Page) -> HTMLResponse:
    """With the text of the newest version, or of the one `from` which to start again."""
    require(page.actor, Right.REGION)
    asked = page.request.query_params.get("from", "")
    with read_session(page.context.sessions) as session:
        known = versions.history(session, name) if name in PAGES else []
        if not known:
            raise NotFoundError
        start = next((one for one in known if str(one.number) == asked), known[0])
    return _edit_page(page, name, {language: start.text(language) for language in LANGUAGES} | _usual(page, name))


@router.post("/region/pages/{name}")
def post_edit(name: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    if name not in PAGES:
        raise NotFoundError
    fields = {one: form.get(one) for one in (*LANGUAGES, "effective")} | {"announce": form.get("announce") == "yes"}
    wanted, problems = validate_form(SitePageIn, fields)
    if wanted is None or form.get("do") != "publish":
        return _edit_page(page, name, form, problems, preview=wanted)
    made = site_service.publish(page.context, actor, name, wanted)
    return page.redirect(f"/region/pages/{name}/{made.number}", "saved")


@router.get("/region/pages/{name}/{number}")
def get_version(name: str, number: str, page: Page) -> HTMLResponse:
    """A version, and what it changed."""
    require(page.actor, Right.REGION)
    own = _number(number)
    with read_session(page.context.sessions) as session:
        shown = versions.version(session, name, own)
        before = versions.version(session, name, own - 1) if own > 1 else None
        told = {
            language: versions.differences(before.text(language), shown.text(language))
            for language in LANGUAGES
            if before is not None
        }
        author = session.get(Account, shown.account_id) if shown.account_id is not None else None
        return page.render(
            "region_page_version.html", shown=shown, told=told, names=LANGUAGES, author=author.name if author is not None else None
        )  # fmt: skip


def _number(text: str) -> int:
    """Of a version. Raises NotFoundError."""
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise NotFoundError
    return int(text)


def _usual(page: PageRequest, name: str) -> Form:
    if name not in BINDING:
        return {}
    return {"announce": "yes", "effective": (page.now + NOTICE + timedelta(days=1)).date().isoformat()}


def _edit_page(
    page: PageRequest, name: str, given: Form, problems: dict[str, str] | None = None, preview: SitePageIn | None = None
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        facts = site_service.facts(session, page.context, page.translator)
        values: dict[str, Any] = {
            "name": name,
            "names": LANGUAGES,
            "binding": name in BINDING,
            "facts": facts,
            "history": versions.history(session, name),
            "preview": {one: rendered(getattr(preview, one), facts, one) for one in LANGUAGES} if preview else None,
            "gaps": {gap for one in LANGUAGES for gap in gaps(given.get(one, ""))},
        }
    if not problems:
        return page.render("region_page.html", given=given, **values)
    return page.render_form("region_page.html", None, given, problems, **values)
