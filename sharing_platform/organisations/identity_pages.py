"""Going to the identity provider of an organisation, and coming back from it. These are links, not forms: a form could not lead to another site under the platform's
content security policy."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from fastapi.responses import RedirectResponse, Response

from sharing_platform.dependencies import client_address
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.organisations import identity_service
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.accounts_api import keep_language, keep_session
from sharing_platform.organisations.dependencies import Page, PageRequest, require_person
from sharing_platform.organisations.identity_service import Returned
from sharing_platform.pages import safe_next_path
from sharing_platform.schemas import Name
from sign_in.openid import ATTEMPT_LIFE

router = APIRouter(include_in_schema=False)

ProviderPath = Annotated[Name, Path()]
Given = Annotated[str, Query(max_length=4000)]


@router.get("/sign-in/with/{provider}")
def get_sign_in(provider: ProviderPath, page: Page) -> Response:
    return _begin(page, provider, safe_next_path(page.request.query_params.get("next")), None)


@router.get("/account/identities/{provider}")
def get_link(provider: ProviderPath, page: Page) -> Response:
    """Link the provider to the account of who is signed in."""
    return _begin(page, provider, "/account", require_person(page.person))


@router.get("/sign-in/with/{provider}/back")
def get_back(provider: ProviderPath, page: Page, state: Given = "", code: Given = "", error: Given = "") -> Response:
    """The provider sends people here. What its address contains does not stay in the browser's: every answer leads on."""
    request, context = page.request, page.context
    holder = request.cookies.get(context.identity_cookie, "")
    returned = Returned(client_address(request), holder, page.device, state, code, page.language)
    try:
        done = identity_service.finish(context, provider, returned, page.person)
    except NotFoundError:
        raise
    except PlatformError as problem:
        answer: Response = _problem(page, "identity_cancelled" if error == "access_denied" else problem.code)
    else:
        answer = page.redirect(safe_next_path(done.after), "identity_linked" if done.new is None else None)
        if done.new is not None:
            keep_session(answer, context, done.new)
            keep_language(request, answer, context, done.account)
    answer.delete_cookie(context.identity_cookie, path="/", secure=context.secure, httponly=True, samesite="lax")
    return answer


@router.post("/account/identities/{identity_id}/remove")
def post_remove(identity_id: str, page: Page) -> Response:
    identity_service.remove(page.context, require_person(page.person), identity_id)
    return page.redirect("/account", "saved")


def _begin(page: PageRequest, provider: str, after: str, linking: SignedIn | None) -> Response:
    context = page.context
    try:
        url, holder = identity_service.begin(
            context, provider, client_address(page.request), page.device, after, linking
        )
    except NotFoundError:
        raise
    except PlatformError as problem:
        return _problem(page, problem.code, after)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        context.identity_cookie, holder, max_age=int(ATTEMPT_LIFE.total_seconds()), httponly=True, samesite="lax",
        secure=context.secure, path="/",
    )  # fmt: skip
    return answer


def _problem(page: PageRequest, code: str, after: str = "") -> Response:
    """To the account's page for who is signed in, else to the page for signing in; both say what is wrong. `after`: the page to go to once they have signed in."""
    if page.person is not None:
        return page.redirect(f"/account?{urlencode({'problem': code})}")
    where = "/account" if code == "identity_known" else after
    return page.redirect(f"/sign-in?{urlencode({'problem': code, **({'next': where} if where else {})})}")
