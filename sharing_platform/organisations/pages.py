"""Pages for sign-up, sign-in, sign-out and account settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.dependencies import client_address
from sharing_platform.errors import ConflictError, PlatformError
from sharing_platform.i18n import LANGUAGES
from sharing_platform.organisations import account_settings, identity_service, service
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.accounts_api import end_session, keep_language, keep_session
from sharing_platform.organisations.dependencies import Page, PageRequest, require_person
from sharing_platform.organisations.directory import memberships
from sharing_platform.organisations.passkeys import of_account
from sharing_platform.organisations.schemas import ForgotIn, LinkOut, RegisterIn, SignInIn, WelcomeIn
from sharing_platform.pages import Form, FormData, safe_next_path, validate_form
from sharing_platform.site_pages import versions
from sign_in.passkeys import relying_party

router = APIRouter(include_in_schema=False)

COUNTRIES = ("BE", "NL", "FR", "DE", "LU", "GB", "ZZ")
"""To choose from; `ZZ` (ISO 3166-1: for the user to assign) is any other."""
IDENTITY_PROBLEMS = frozenset({
    "identity_cancelled", "identity_known", "identity_mail", "identity_other", "identity_unavailable", "identity_wrong", "refused", "sign_in_again",
    "too_many",
})  # fmt: skip
_REGISTER_FIELDS = (
    "name", "email", "organisation", "kind", "country", "enterprise_number", "vat", "place", "address", "terms",
)  # fmt: skip
NEW_KINDS = ("seeker", "factory", "training_centre")


@router.get("/register")
def get_register(page: Page) -> HTMLResponse:
    return page.render("register.html", **_register_values(page))


@router.post("/register")
def post_register(page: Page, form: FormData) -> Response:
    fields = {name: form.get(name) for name in _REGISTER_FIELDS}
    wanted, problems = validate_form(RegisterIn, {**fields, "language": page.language})
    if wanted is None:
        return page.render_form("register.html", None, form, problems, **_register_values(page))
    try:
        service.register(page.context, wanted, client_address(page.request))
    except PlatformError as error:
        return page.render_form("register.html", error, form, {}, **_register_values(page))
    return page.render("mail_sent.html", email=wanted.email)


def _register_values(page: PageRequest) -> dict[str, Any]:
    with read_session(page.context.sessions) as session:
        terms = versions.present(session, versions.TERMS, page.now).number
    return {"kinds": NEW_KINDS, "countries": COUNTRIES, "terms": terms}


@router.get("/sign-in")
def get_sign_in(page: Page) -> HTMLResponse:
    notice = problem_elsewhere(page)
    return page.render(
        "sign_in.html", 200, notice=notice, **sign_in_values(page, page.request.query_params.get("next"))
    )


@router.post("/sign-in")
def post_sign_in(page: Page, form: FormData) -> Response:
    after = form.get("next")
    wanted, problems = validate_form(SignInIn, {name: form.get(name) for name in ("email", "password")})
    typed = {"email": form.get("email", "")}
    if wanted is None:
        return page.render_form("sign_in.html", None, typed, problems, **sign_in_values(page, after))
    try:
        new, account = service.sign_in(page.context, wanted, client_address(page.request), page.device)
    except PlatformError as error:
        return page.render_form("sign_in.html", error, typed, {}, **sign_in_values(page, after))
    answer = page.redirect(safe_next_path(after))
    keep_session(answer, page.context, new)
    keep_language(page.request, answer, page.context, account)
    return answer


def sign_in_values(page: PageRequest, after: str | None) -> dict[str, object]:
    """What the page for signing in shows. `after`: the page to go to then, as the address or the form asks for it."""
    providers = [one.settings for one in page.context.identity_providers]
    return {"next": safe_next_path(after), "party": relying_party(page.context.url), "providers": providers}


def problem_elsewhere(page: PageRequest) -> str | None:
    """What went wrong at an identity provider, as the address of the page says."""
    problem = page.request.query_params.get("problem")
    return problem if problem in IDENTITY_PROBLEMS else None


@router.post("/sign-out")
def post_sign_out(page: Page) -> Response:
    answer = page.redirect("/")
    end_session(page.request, answer, page.context)
    return answer


@router.get("/forgotten")
def get_forgotten(page: Page) -> HTMLResponse:
    return page.render("forgotten.html")


@router.post("/forgotten")
def post_forgotten(page: Page, form: FormData) -> Response:
    wanted, problems = validate_form(ForgotIn, {"email": form.get("email")})
    if wanted is None:
        return page.render_form("forgotten.html", None, form, problems)
    try:
        service.forgot(page.context, wanted.email, client_address(page.request), page.device)
    except PlatformError as error:
        return page.render_form("forgotten.html", error, form, {})
    return page.render("mail_sent.html", email=wanted.email)


@router.get("/welcome/{secret}")
def get_welcome_link(secret: str, page: Page) -> Response:
    return page.keep_link(secret, "/welcome")


@router.get("/welcome")
def get_welcome(page: Page) -> HTMLResponse:
    """What the link is for. Changes nothing: mail scanners open links, too."""
    shown = _link_shown(page)
    return page.render("welcome.html", link=shown, given={"name": shown.name or ""})


@router.post("/welcome")
def post_welcome(page: Page, form: FormData) -> Response:
    shown = _link_shown(page)
    if form.get("answer") == "no":
        service.decline_by_link(page.context, page.link)
        answer = page.redirect("/", "declined")
        page.forget_link(answer, "/welcome")
        return answer
    given = {"name": form.get("name", shown.name or "")}
    fields = {"link": page.link, "password": form.get("password"), "name": form.get("name")}
    wanted, problems = validate_form(WelcomeIn, fields)
    if wanted is None:
        return page.render_form("welcome.html", None, given, problems, link=shown)
    try:
        new = service.welcome(page.context, wanted, page.device)
    except PlatformError as error:
        return page.render_form("welcome.html", error, given, {}, link=shown)
    answer = page.redirect("/desk", "welcome")
    keep_session(answer, page.context, new)
    page.forget_link(answer, "/welcome")
    return answer


def _link_shown(page: PageRequest) -> LinkOut:
    """Raises NotFoundError."""
    with read_session(page.context.sessions) as session:
        return service.link_shown(session, page.link, page.now)


@router.get("/account")
def getshow_account(page: Page) -> HTMLResponse:
    return show_account(page, require_person(page.person))


@router.post("/account/password")
def post_password(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    try:
        new = service.change_password(page.context, person, form.get("old"), form.get("password", ""), page.device)
    except PlatformError as error:
        return show_account(page, person, error)
    answer = page.redirect("/account", "saved")
    keep_session(answer, page.context, new)
    return answer


@router.post("/account/organisation")
def post_speak_for(page: Page, form: FormData) -> Response:
    require_person(page.person)
    secret = page.request.cookies.get(page.context.cookie, "")
    service.speak_for(page.context, secret, form.get("organisation", ""))
    return page.redirect("/desk")


@router.post("/account/leave")
def post_leave(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    try:
        service.leave(page.context, person, form.get("organisation", ""))
    except ConflictError as error:
        return show_account(page, person, error)
    return page.redirect("/account", "left")


@router.post("/invitations/{invitation_id}")
def post_invitation(invitation_id: str, page: Page, form: FormData) -> Response:
    accepted = form.get("accepted") == "yes"
    service.answer_invitation(page.context, require_person(page.person), invitation_id, accepted)
    return page.redirect("/desk", "joined" if accepted else "declined")


@router.post("/account/erase")
def post_erase(page: Page, form: FormData) -> Response:
    person = require_person(page.person)
    if form.get("sure") != "yes":
        return show_account(page, person, status=422)
    try:
        service.erase(page.context, person)
    except PlatformError as error:
        return show_account(page, person, error)
    answer = page.redirect("/", "erased")
    end_session(page.request, answer, page.context)
    return answer


def show_account(
    page: PageRequest, person: SignedIn, error: PlatformError | None = None, status: int = 200, **more: object
) -> HTMLResponse:
    """The page of somebody's account. `error`: of the form for the password."""
    with read_session(page.context.sessions) as session:
        values = {
            "memberships": memberships(session, person.account.id),
            "passkeys": of_account(session, person.account.id),
            "party": relying_party(page.context.url),
            "recent": person.recent(page.now),
            "passkey_notice": None,
            "identities": identity_service.of_account(session, person.account.id),
            "providers": [one.settings for one in page.context.identity_providers],
            "identity_notice": problem_elsewhere(page),
            "mails": account_settings.chosen_mails(session, person),
            "browsers": account_settings.browsers(
                session, person, page.request.cookies.get(page.context.cookie, ""), page.now
            ),
            "settings_problems": {},
            "address_problems": {},
            "typed": {},
            "language_names": LANGUAGES,
            **more,
        }
    if error is not None:
        empty: Form = {}
        return page.render_form("account.html", error, empty, {}, **values)
    return page.render("account.html", status, **values)
