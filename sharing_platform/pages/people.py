"""Coming in and going out; one's own account."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.api.people import end_session, keep_session
from sharing_platform.context import address_of
from sharing_platform.database import reading
from sharing_platform.errors import NotSignedInError, PlatformError
from sharing_platform.pages.shown import Filled, Form, Showing, Shown, language_of, own_path, parsed
from sharing_platform.people import accounts, acting
from sharing_platform.people.accounts import SignedIn
from sharing_platform.people.messages import ForgotIn, RegisterIn, SignInIn
from sharing_platform.people.organisations import memberships

router = APIRouter(include_in_schema=False)

_LINK_COOKIE = "link"
_LINK_COOKIE_S = 3600
NEW_KINDS = ("seeker", "factory", "training_centre")


@router.get("/register")
def get_register(show: Showing) -> HTMLResponse:
    return show.page("register.html", kinds=NEW_KINDS)


@router.post("/register")
def post_register(show: Showing, form: Filled) -> Response:
    fields = {name: form.get(name) for name in ("name", "email", "organisation", "kind")}
    wanted, problems = parsed(RegisterIn, {**fields, "language": language_of(show.request)})
    if wanted is None:
        return show.again("register.html", None, form, problems, kinds=NEW_KINDS)
    try:
        acting.register(show.context, wanted, address_of(show.request))
    except PlatformError as error:
        return show.again("register.html", error, form, {}, kinds=NEW_KINDS)
    return show.page("mail_sent.html", email=wanted.email)


@router.get("/sign-in")
def get_sign_in(show: Showing) -> HTMLResponse:
    return show.page("sign_in.html", next=own_path(show.request.query_params.get("next")))


@router.post("/sign-in")
def post_sign_in(show: Showing, form: Filled) -> Response:
    after = own_path(form.get("next"))
    wanted, problems = parsed(SignInIn, {name: form.get(name) for name in ("email", "password")})
    typed = {"email": form.get("email", "")}
    if wanted is None:
        return show.again("sign_in.html", None, typed, problems, next=after)
    try:
        secret, account = acting.sign_in(show.context, wanted, address_of(show.request))
    except PlatformError as error:
        return show.again("sign_in.html", error, typed, {}, next=after)
    answer = show.to(after)
    keep_session(answer, show.context, secret)
    if "lang" not in show.request.cookies:
        answer.set_cookie("lang", account.language, samesite="lax", httponly=True, secure=show.context.secure)
    return answer


@router.post("/sign-out")
def post_sign_out(show: Showing) -> Response:
    answer = show.to("/")
    end_session(show.request, answer, show.context)
    return answer


@router.get("/forgotten")
def get_forgotten(show: Showing) -> HTMLResponse:
    return show.page("forgotten.html")


@router.post("/forgotten")
def post_forgotten(show: Showing, form: Filled) -> Response:
    wanted, problems = parsed(ForgotIn, {"email": form.get("email")})
    if wanted is None:
        return show.again("forgotten.html", None, form, problems)
    try:
        acting.forgot(show.context, wanted.email, address_of(show.request))
    except PlatformError as error:
        return show.again("forgotten.html", error, form, {})
    return show.page("mail_sent.html", email=wanted.email)


@router.get("/welcome/{secret}")
def get_welcome_link(secret: str, show: Showing) -> Response:
    """Out of the address at once: it must get into no history, no log and no referrer."""
    answer = show.to("/welcome")
    answer.set_cookie(
        _LINK_COOKIE, quote(secret[:100]), max_age=_LINK_COOKIE_S, path="/welcome", httponly=True, samesite="lax",
        secure=show.context.secure,
    )  # fmt: skip
    return answer


@router.get("/welcome")
def get_welcome(show: Showing) -> HTMLResponse:
    with reading(show.context.sessions) as session:
        secret = show.request.cookies.get(_LINK_COOKIE, "")
        account = accounts.account_of_link(session, secret, show.now)
        return show.page("welcome.html", account=account)


@router.post("/welcome")
def post_welcome(show: Showing, form: Filled) -> Response:
    secret = show.request.cookies.get(_LINK_COOKIE, "")
    with reading(show.context.sessions) as session:
        account = accounts.account_of_link(session, secret, show.now)
    try:
        session_secret, _ = acting.welcome(show.context, secret, form.get("password") or None)
    except PlatformError as error:
        return show.again("welcome.html", error, {}, {}, account=account)
    answer = show.to("/desk", "welcome")
    keep_session(answer, show.context, session_secret)
    answer.delete_cookie(_LINK_COOKIE, path="/welcome")
    return answer


@router.get("/account")
def get_account(show: Showing) -> HTMLResponse:
    return _account(show, _person(show))


@router.post("/account/password")
def post_password(show: Showing, form: Filled) -> Response:
    person = _person(show)
    try:
        secret = acting.change_password(show.context, person, form.get("old", ""), form.get("password", ""))
    except PlatformError as error:
        return _account(show, person, error)
    answer = show.to("/account", "saved")
    keep_session(answer, show.context, secret)
    return answer


@router.post("/account/organisation")
def post_speak_for(show: Showing, form: Filled) -> Response:
    _person(show)
    secret = show.request.cookies.get(show.context.cookie, "")
    acting.speak_for(show.context, secret, form.get("organisation", ""))
    return show.to("/desk")


@router.post("/account/erase")
def post_erase(show: Showing, form: Filled) -> Response:
    person = _person(show)
    if form.get("sure") != "yes":
        return _account(show, person, status=422)
    try:
        acting.erase(show.context, person)
    except PlatformError as error:
        return _account(show, person, error)
    answer = show.to("/", "erased")
    end_session(show.request, answer, show.context)
    return answer


def _account(show: Shown, person: SignedIn, error: PlatformError | None = None, status: int = 200) -> HTMLResponse:
    with reading(show.context.sessions) as session:
        own = memberships(session, person.account.id)
    if error is not None:
        none: Form = {}
        return show.again("account.html", error, none, {}, memberships=own)
    return show.page("account.html", status, memberships=own)


def _person(show: Shown) -> SignedIn:
    """Raises NotSignedInError."""
    if show.person is None:
        raise NotSignedInError
    return show.person
