"""Forms for passkeys on the pages for signing in and of the account. A script fills in what the browser answers; names and removal need none."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from sharing_platform.errors import PlatformError
from sharing_platform.organisations import passkey_service, passkeys_api
from sharing_platform.organisations.dependencies import Page, PageRequest, require_person
from sharing_platform.organisations.pages import show_account, sign_in_values
from sharing_platform.organisations.passkeys_api import session_secret
from sharing_platform.organisations.schemas import PasskeyNameIn
from sharing_platform.pages import FormData, safe_next_path, validate_form

router = APIRouter(include_in_schema=False)


@router.post("/sign-in/passkey")
def post_sign_in(page: Page, form: FormData) -> Response:
    answer = page.redirect(safe_next_path(form.get("next")))
    try:
        passkeys_api.sign_in(form.get("credential", ""), page.context, page.request, answer)
    except PlatformError as error:
        values = sign_in_values(page, form.get("next"))
        return page.render("sign_in.html", error.status, notice=error.code, **values)
    return answer


@router.post("/account/passkeys")
def post_passkey(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    wanted, _ = validate_form(PasskeyNameIn, {"name": form.get("name")})
    if wanted is None:
        return _show(page, 422, "passkey_name")
    secret = session_secret(page.request, page.context)
    try:
        passkey_service.add(page.context, person, wanted.name, form.get("credential", ""), secret)
    except PlatformError as error:
        return _show(page, error.status, error.code)
    return page.redirect("/account", "passkey_added")


@router.post("/account/passkeys/{passkey_id}")
def post_name(passkey_id: str, page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    wanted, _ = validate_form(PasskeyNameIn, {"name": form.get("name")})
    if wanted is None:
        return _show(page, 422, "passkey_name")
    passkey_service.rename(page.context, person, passkey_id, wanted.name)
    return page.redirect("/account", "saved")


@router.post("/account/passkeys/{passkey_id}/remove")
def post_remove(passkey_id: str, page: Page) -> Response:
    passkey_service.remove(page.context, require_person(page.person), passkey_id)
    return page.redirect("/account", "passkey_removed")


def _show(page: PageRequest, status: int, code: str) -> Response:
    """The account's page again, with what is wrong beside the passkeys."""
    return show_account(page, require_person(page.person), status=status, passkey_notice=code)
