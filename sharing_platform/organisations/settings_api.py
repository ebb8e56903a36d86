"""Routes of the HTTP API: what people change about their account."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sharing_platform.dependencies import Context, ReadSession, client_address
from sharing_platform.organisations import account_settings
from sharing_platform.organisations.dependencies import Person
from sharing_platform.organisations.schemas import AccountIn, AddressIn, BrowserOut, BrowsersOut, LinkIn
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.put("/account", status_code=204, responses=problems(401, 422))
def put_account(wanted: AccountIn, person: Person, context: Context) -> None:
    """Change name, language, and which e-mails one gets when. What is essential always comes at once."""
    account_settings.change(context, person, wanted)


@router.post("/account/address", status_code=202, responses=problems(401, 409, 422, 429))
def post_address(wanted: AddressIn, person: Person, context: Context, request: Request) -> None:
    """Send a link to another address. The account has it once the link is used; the answer is the same where another account has it."""
    account_settings.ask_for_address(context, person, wanted.email, wanted.password, client_address(request))


@router.post("/accounts/address", status_code=204, responses=problems(404, 422))
def post_address_link(wanted: LinkIn, context: Context) -> None:
    """Use the secret of the e-mail that went to another address."""
    account_settings.take_address(context, wanted.link)


@router.get("/account/browsers", responses=problems(401))
def get_browsers(person: Person, session: ReadSession, context: Context, request: Request) -> BrowsersOut:
    """Where one is signed in."""
    found = account_settings.browsers(session, person, request.cookies.get(context.cookie, ""), context.now())
    return BrowsersOut(
        browsers=[BrowserOut(id=one.id, since=one.since, until=one.until, here=one.here) for one in found]
    )


@router.delete("/account/browsers", status_code=204, responses=problems(401))
def delete_browsers(person: Person, context: Context, request: Request) -> None:
    """Sign out everywhere but here."""
    account_settings.sign_out_others(context, person, request.cookies.get(context.cookie, ""))
