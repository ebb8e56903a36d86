"""Pages: what people change about their account, and e-mails that they stop from an e-mail."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.dependencies import client_address
from sharing_platform.errors import PlatformError
from sharing_platform.notifications.preferences import KINDS
from sharing_platform.organisations import account_settings
from sharing_platform.organisations.accounts_api import use_language
from sharing_platform.organisations.dependencies import Page, require_person
from sharing_platform.organisations.pages import show_account
from sharing_platform.organisations.schemas import AccountIn, AddressIn
from sharing_platform.pages import FormData, validate_form

router = APIRouter(include_in_schema=False)

_ADDRESS = "/account/new-address"


@router.post("/account/settings")
def post_settings(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    fields = {
        "name": form.get("name"), "language": form.get("language"), "mail_hour": form.get("mail_hour"),
        "mails": {kind: form[f"mails_{kind}"] for kind in KINDS if form.get(f"mails_{kind}")},
    }  # fmt: skip
    wanted, problems = validate_form(AccountIn, fields)
    if wanted is None:
        return show_account(page, person, status=422, settings_problems=problems, typed=form)
    account_settings.change(page.context, person, wanted)
    answer = page.redirect("/account", "saved")
    use_language(answer, page.context, wanted.language)
    return answer


@router.post("/account/address")
def post_address(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    fields = {"email": form.get("email"), "password": form.get("password")}
    wanted, problems = validate_form(AddressIn, fields)
    if wanted is None:
        return show_account(page, person, status=422, address_problems=problems, typed=form)
    try:
        account_settings.ask_for_address(
            page.context, person, wanted.email, wanted.password, client_address(page.request)
        )
    except PlatformError as error:
        field = getattr(error, "field", None)
        found = {field: error.code} if field else {"email": error.code}
        return show_account(page, person, status=error.status, address_problems=found, typed=form)
    return page.render("mail_sent.html", email=wanted.email)


@router.get("/account/address/{secret}")
def get_address_link(secret: str, page: Page) -> Response:
    return page.keep_link(secret, _ADDRESS)


@router.get(_ADDRESS)
def get_new_address(page: Page) -> HTMLResponse:
    """Changes nothing: mail scanners open links, too."""
    with read_session(page.context.sessions) as session:
        return page.render("new_address.html", email=account_settings.address_of_link(session, page.link, page.now))


@router.post(_ADDRESS)
def post_new_address(page: Page) -> Response:
    account_settings.take_address(page.context, page.link)
    answer = page.redirect("/account", "saved")
    page.forget_link(answer, _ADDRESS)
    return answer


@router.post("/account/browsers")
def post_browsers(page: Page) -> Response:
    person = require_person(page.person)
    account_settings.sign_out_others(page.context, person, page.request.cookies.get(page.context.cookie, ""))
    return page.redirect("/account", "saved")


@router.get("/unsubscribe/{token}")
def get_unsubscribe(token: str, page: Page) -> HTMLResponse:
    """Changes nothing: mail scanners open links, too."""
    with read_session(page.context.sessions) as session:
        _, kind = account_settings.stopped_by_link(session, token)
    return page.render("unsubscribe.html", kind=kind, stopped=False)


@router.post("/unsubscribe/{token}")
def post_unsubscribe(token: str, page: Page) -> HTMLResponse:
    """From the page, or from a mail program with one click (RFC 8058), which sends no cookies and follows no redirect."""
    return page.render("unsubscribe.html", kind=account_settings.stop_by_link(page.context, token), stopped=True)
