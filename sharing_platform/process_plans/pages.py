"""The page "I want to make this": a product in words, the way to it, and one wanted notice with parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, PlatformError
from sharing_platform.machines.index import get_machine_index
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, decimal_point, split_lines, validate_form
from sharing_platform.process_plans import service
from sharing_platform.process_plans.product import parts_of, understood, wish_of_product
from sharing_platform.process_plans.schemas import NEEDS, ProcessPlanOut, ProductIn
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.form import fields_of
from sharing_platform.search.vocabulary import PROCESSES, process_choices, process_name
from sharing_platform.unified_search.service import Searched
from sharing_platform.wanted import service as wanted_service
from sharing_platform.wanted.matching import WANTED
from sharing_platform.wanted.schemas import NoticeIn

router = APIRouter(include_in_schema=False)

_MAX_TITLE = 120


@router.get("/make")
def get_make(page: Page) -> HTMLResponse:
    """The form, and beneath it what the region has for the product that it describes."""
    asked = fields_of(page)
    given = {**dict(asked), "processes": "\n".join(page.request.query_params.getlist("processes"))}
    if not given.get("q") and not given["processes"]:
        return _page(page, given, None, {})
    # What words say of days and places stands in the fields now; how it was said is kept for the notice.
    product, problems = _product_of(given | {"q": page.request.query_params.get("q", "")})
    plan = None
    if product is not None:
        try:
            plan = _plan(page, product)
        except InvalidError as error:
            problems[error.field] = error.code
    return _page(page, given, plan, problems)


@router.post("/make")
def post_make(page: Page, form: FormData) -> Response:
    """Post a notice with the parts that are ticked."""
    actor = require(page.actor, Right.ASK)
    product, problems = _product_of(form)
    notice = None
    if product is not None:
        known = understood(product)
        t = page.translator
        parts = [
            part.model_copy(update={"title": _part_title(page, part.wish.process, part.wish.subject)})
            for part in parts_of(known, split_lines(form.get("parts")))
        ]
        number = t("pieces", count=known.number) if known.number else ""
        text = "\n\n".join(said for said in (known.words, number) if said)
        title = (form.get("title") or known.words.partition("\n")[0][:_MAX_TITLE]).strip()
        wanted = {"title": title, "text": text, "wish": wish_of_product(known), "notify": "mail", "parts": parts}
        notice, problems = validate_form(NoticeIn, wanted)
        if notice is not None and not parts:
            notice, problems = None, {"parts": "no_parts"}
    if notice is None:
        return _again(page, form, None, problems, product)
    try:
        made = wanted_service.add(page.context, get_machine_index(page.request), actor, page.person, WANTED, notice)
    except PlatformError as error:
        return _again(page, form, error, {}, product)
    return page.redirect(f"/wanted/{made.id}", "saved")


def _part_title(page: PageRequest, process: str, need: str) -> str:
    return page.translator(f"part_{need}", process=process_name(process, page.language))


def _again(
    page: PageRequest, form: Form, error: PlatformError | None, problems: dict[str, str], product: ProductIn | None
) -> HTMLResponse:
    try:
        plan = _plan(page, product) if product is not None else None
    except InvalidError as wrong:
        plan, problems = None, {**problems, wrong.field: wrong.code}
    return page.render_form("make.html", error, form, problems, **_values(page, plan))


def _plan(page: PageRequest, product: ProductIn) -> ProcessPlanOut:
    with read_session(page.context.sessions) as session:
        index = get_machine_index(page.request)
        searched = Searched(session, index, page.context.occupancy, page.now, page.context.zone, page.viewer)
        plan = service.propose(searched, product)
    for criteria in service.steps_in_vain(plan):
        page.context.events.publish(SearchFoundNothing(criteria, page.visitor, page.now))
    return plan


def _product_of(given: Mapping[str, str]) -> tuple[ProductIn | None, dict[str, str]]:
    sides = [decimal_point(given.get(name)) for name in ("x", "y", "z")]
    hours = {one.code: decimal_point(given.get(f"hours-{one.code}")) for one in PROCESSES}
    fields: dict[str, Any] = {
        "words": given.get("q"), "processes": split_lines(given.get("processes")), "materials": split_lines(given.get("material")),
        "size_mm": sides if any(sides) else None, "number": given.get("number"), "first_day": given.get("day"),
        "hours": {code: length for code, length in hours.items() if length} or None, "last_day": given.get("last_day"), "near": given.get("near"), "within_km": decimal_point(given.get("within_km")),
    }  # fmt: skip
    return validate_form(ProductIn, fields)


def _values(page: PageRequest, plan: ProcessPlanOut | None) -> dict[str, Any]:
    named = process_choices(page.language)
    return {"plan": plan, "needs": NEEDS, "processes_named": named, "bars": bars_of(plan) if plan is not None else []}


def bars_of(plan: ProcessPlanOut) -> list[tuple[float, float] | None]:
    """Of each step where its hours lie on a line from the first of them to the last: begin and length, in hundredths."""
    spans = [(one.planned.start, one.planned.end) if one.planned is not None else None for one in plan.steps]
    known = [span for span in spans if span is not None]
    if not known:
        return []
    first, whole = known[0][0], known[-1][1] - known[0][0]
    return [
        ((span[0] - first) / whole * 100, (span[1] - span[0]) / whole * 100) if span is not None else None
        for span in spans
    ]


def _page(
    page: PageRequest, given: Mapping[str, str], plan: ProcessPlanOut | None, problems: dict[str, str]
) -> HTMLResponse:
    return page.render("make.html", given=given, problems=problems, **_values(page, plan))
