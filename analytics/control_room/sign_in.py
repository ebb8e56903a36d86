"""Signing in to the control room, with a passkey, at the identity provider or with a token, and signing out."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from analytics.api import passkeys
from analytics.api.context import AnalyticsContext, Caller, Context, caller_of_token
from analytics.api.identity_provider import BACK, START, NotAdmittedError
from analytics.api.sessions import COOKIE, SESSION_LIFETIME, is_cross_site
from analytics.control_room.rendering import render
from sign_in.openid import ATTEMPT_LIFE, OpenIdError, ProviderAwayError
from sign_in.passkeys import CHALLENGE_LIFE, RelyingParty, WrongPasskeyError
from sign_in.settings import is_own_computer

_log = logging.getLogger(__name__)

PASSKEY_COOKIE = "vrijloop_passkey"
_PROVIDER_COOKIE = "vrijloop_provider"
_PROVIDER = "provider"
_PATH = "/control"
_OWN_COMPUTER = "localhost"
PASSKEYS = "/control/passkeys"
_TOO_MANY = "too_many"
_SHOWN = frozenset({"provider_away", "provider_cancelled", "provider_not_admitted", "provider_wrong", _TOO_MANY})
"""Problems that an address may name."""

router = APIRouter(include_in_schema=False)

Then = Annotated[str, Form(max_length=20)]
Given = Annotated[str, Query(max_length=4000)]


def show_sign_in(
    request: Request,
    context: AnalyticsContext,
    *,
    lang: str | None = None,
    then: str = "",
    problem: str = "",
    wrong: str = "",
    status: int = 200,
) -> HTMLResponse:
    """`then`: where somebody wants to go, `passkeys` or the room itself. `problem`: as an address says it, `wrong`: as this program does."""
    known = problem if problem in _SHOWN else ""
    return render(
        request, "sign_in.html", lang, status,
        problem=wrong or known, then=_place(then), party=party_here(request, context.party), elsewhere=elsewhere(request, context.party),
        provider=context.provider, notice=context.notice,
    )  # fmt: skip


def party_here(request: Request, party: RelyingParty | None) -> RelyingParty | None:
    """To whom passkeys belong on this page; None at another address than theirs, such as 127.0.0.1 instead of localhost."""
    return party if party is not None and _host(request) == urlsplit(party.origin).netloc else None


def elsewhere(request: Request, party: RelyingParty | None) -> str:
    """Where passkeys work, on one's own computer under a name; empty where that is here, or nowhere that somebody at this address can go."""
    if party is None or party_here(request, party) is not None:
        return ""
    name = _host(request).rpartition(":")[0].strip("[]") or _host(request)
    return party.origin if party.id != _OWN_COMPUTER or is_own_computer(name) else ""


def _host(request: Request) -> str:
    """Name and port at which the browser has opened the page; whatever a stranger writes there."""
    return request.headers.get("host", "").lower()


@router.post("/control/sign-in")
def post_sign_in(
    request: Request, context: Context, token: Annotated[str, Form(max_length=500)] = "", then: Then = ""
) -> Response:
    if is_cross_site(request):
        return show_sign_in(request, context, status=403)
    # The control room decides about the offers of the server's own factory. Tokens of other factories give access to
    # the API only.
    caller = caller_of_token(context, token.strip())
    if caller is None or caller.factory != context.policy.factory:
        return _refuse(request, context, then, "wrong")
    return _enter(request, context, caller, "token", RedirectResponse(_where(then), 303))


@router.post("/control/sign-in/passkey/options")
def post_passkey_options(request: Request, context: Context) -> Response:
    """What the browser is to sign. Nothing is stored, so that it may be asked for as often as somebody likes."""
    if is_cross_site(request) or context.party is None:
        return JSONResponse({"code": "passkey_wrong"}, 403)
    cookie, options = passkeys.begin_sign_in(context, context.party, context.clock.now())
    answer = JSONResponse(options)
    keep_attempt(request, answer, PASSKEY_COOKIE, cookie)
    return answer


@router.post("/control/sign-in/passkey")
def post_passkey(
    request: Request, context: Context, credential: Annotated[str, Form(max_length=20_000)] = "", then: Then = ""
) -> Response:
    if is_cross_site(request):
        return show_sign_in(request, context, status=403)
    try:
        person = passkeys.sign_in(context, credential, request.cookies.get(PASSKEY_COOKIE, ""), context.clock.now())
    except WrongPasskeyError:
        return _refuse(request, context, then, "passkey_wrong")
    answer = RedirectResponse(_where(then), 303)
    answer.delete_cookie(PASSKEY_COOKIE, path=_PATH)
    return _enter(request, context, Caller(context.policy.factory, person), "passkey", answer)


@router.get(START)
def get_provider(request: Request, context: Context) -> Response:
    """A link, not a form: the content security policy lets forms lead to this server alone."""
    provider, now = context.provider, context.clock.now()
    if provider is None:
        return RedirectResponse("/control", 303)
    cookie, secret = context.attempts.begin(_PROVIDER, now)
    try:
        answer = RedirectResponse(provider.authorization_url(secret), 303)
    except ProviderAwayError:
        return _problem("provider_away")
    except OpenIdError:
        return _problem("provider_wrong")
    # Lax: the provider, which is another site, sends the browser back with it.
    keep_attempt(request, answer, _PROVIDER_COOKIE, cookie, "lax")
    return answer


@router.get(BACK)
def get_back(request: Request, context: Context, state: Given = "", code: Given = "", error: Given = "") -> Response:
    """The provider sends people here. What its address contains does not stay in the browser's: every answer leads on."""
    provider, now, address = context.provider, context.clock.now(), _address(request)
    cookie = request.cookies.get(_PROVIDER_COOKIE, "")
    if provider is None:
        return RedirectResponse("/control", 303)
    secret = context.attempts.find(_PROVIDER, cookie, ATTEMPT_LIFE, now)
    if secret is None or error:
        return _problem("provider_cancelled" if error == "access_denied" else "provider_wrong")
    # Unlike a passkey or a token, this costs the provider a request.
    if context.provider_failures.are_too_many(address, now):
        return _problem(_TOO_MANY)
    try:
        person = provider.person(secret, state, code)
    except ProviderAwayError:
        return _problem("provider_away")
    except NotAdmittedError:
        return _problem("provider_not_admitted")
    except OpenIdError:
        context.provider_failures.record(address, now)
        return _problem("provider_wrong")
    if not context.attempts.finish(cookie, ATTEMPT_LIFE, now):
        return _problem("provider_wrong")
    # Not a redirect: a browser that comes from another site sends the session's cookie, which is SameSite=Strict, only from a page of ours.
    caller = Caller(context.policy.factory, person)
    page = render(request, "signed_in.html", person=person)
    answer = _enter(request, context, caller, provider.label, page, provider.session)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.delete_cookie(_PROVIDER_COOKIE, path=_PATH)
    return answer


@router.post("/control/sign-out")
def post_sign_out(request: Request, context: Context, then: Then = "") -> Response:
    answer = RedirectResponse(_where(then), 303)
    if not is_cross_site(request):
        context.sessions.end(request.cookies.get(COOKIE, ""))
        answer.delete_cookie(COOKIE)
    return answer


def keep_attempt(
    request: Request, answer: Response, name: str, cookie: str, same_site: Literal["strict", "lax"] = "strict"
) -> None:
    life = ATTEMPT_LIFE if name == _PROVIDER_COOKIE else CHALLENGE_LIFE
    answer.set_cookie(
        name, cookie, max_age=int(life.total_seconds()),
        httponly=True, samesite=same_site, secure=request.url.scheme == "https", path=_PATH,
    )  # fmt: skip


def _enter(
    request: Request,
    context: AnalyticsContext,
    caller: Caller,
    by: str,
    answer: Response,
    vouched_for: timedelta | None = None,
) -> Response:
    """Begin a session, which the browser's former one does not outlive. `by`: with what somebody has signed in."""
    _log.info("Signed in to the control room from %s: %s (%s).", _address(request), caller.name, by)
    context.sessions.end(request.cookies.get(COOKIE, ""))
    secret = context.sessions.start(caller.factory, caller.person, context.clock.now(), vouched_for)
    life = vouched_for if vouched_for is not None else SESSION_LIFETIME
    answer.set_cookie(
        COOKIE, secret, max_age=int(life.total_seconds()),
        httponly=True, samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


def _refuse(request: Request, context: AnalyticsContext, then: str, wrong: str) -> Response:
    """The same answer whatever is wrong. Many failures from one address are logged, and close the door to nobody."""
    if context.failures.record(_address(request), context.clock.now()):
        return show_sign_in(request, context, then=then, wrong="shut" if wrong == "wrong" else wrong, status=429)
    return show_sign_in(request, context, then=then, wrong=wrong, status=401)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _place(then: str) -> str:
    """One of ours: an address that somebody else names leads nowhere."""
    return "passkeys" if then == "passkeys" else ""


def _where(then: str) -> str:
    return PASSKEYS if _place(then) else "/control"


def _problem(code: str) -> Response:
    return RedirectResponse(f"/control?problem={code}", 303)
