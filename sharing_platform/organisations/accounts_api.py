"""Accounts and sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from sharing_platform.dependencies import Context, PlatformContext, ReadSession, client_address
from sharing_platform.organisations import account_settings, invitations, personal_data, service
from sharing_platform.organisations.accounts import SESSION_LIFE, NewSession, SignedIn
from sharing_platform.organisations.dependencies import Device, Person
from sharing_platform.organisations.devices import DEVICE_LIFE
from sharing_platform.organisations.directory import memberships
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Role
from sharing_platform.organisations.schemas import (
    AccountOut,
    ForgotIn,
    InvitationAnswerIn,
    LinkIn,
    LinkOut,
    MembershipOut,
    OwnInvitationOut,
    OwnInvitationsOut,
    PasswordIn,
    RegisterIn,
    SignInIn,
    SpeakForIn,
    WelcomeIn,
)
from sharing_platform.parameters import NamePath, Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["people"])

_YEAR_S = 31_536_000


@router.post("/accounts", status_code=202, responses=problems(422, 429))
def post_account(wanted: RegisterIn, context: Context, request: Request) -> None:
    """Register. An e-mail goes to the address, with a link that makes the account; the answer is the same where there is one already."""
    service.register(context, wanted, client_address(request))


@router.post("/accounts/link", responses=problems(404, 422))
def post_link(wanted: LinkIn, context: Context, session: ReadSession) -> LinkOut:
    """What the secret of an e-mail is for. Changes nothing."""
    return service.link_shown(session, wanted.link, context.now())


@router.post("/accounts/welcome", status_code=204, responses=problems(404, 422))
def post_welcome(wanted: WelcomeIn, context: Context, device: Device, response: Response) -> None:
    """Use the secret of an e-mail: make the account that was registered, accept an invitation with a new account, or choose a password for the one that
    exists. Ends all other sessions and links of the account. Signs in."""
    keep_session(response, context, service.welcome(context, wanted, device))


@router.post("/accounts/decline", status_code=204, responses=problems(404, 422))
def post_decline(wanted: LinkIn, context: Context) -> None:
    """Decline an invitation with the secret of its e-mail."""
    service.decline_by_link(context, wanted.link)


@router.post("/accounts/forgotten", status_code=202, responses=problems(422, 429))
def post_forgotten(wanted: ForgotIn, context: Context, device: Device, request: Request) -> None:
    """Send a link to choose a new password, where there is such an account."""
    service.forgot(context, wanted.email, client_address(request), device)


@router.post("/session", status_code=204, responses=problems(422, 429))
def post_session(wanted: SignInIn, context: Context, device: Device, request: Request, response: Response) -> None:
    """Sign in with a browser. Programs use an organisation's token."""
    new, _ = service.sign_in(context, wanted, client_address(request), device)
    keep_session(response, context, new)


@router.delete("/session", status_code=204)
def delete_session(context: Context, request: Request, response: Response) -> None:
    """Sign out."""
    end_session(request, response, context)


@router.put("/session/organisation", status_code=204, responses=problems(401, 404, 422))
def put_speaks_for(wanted: SpeakForIn, _: Person, context: Context, request: Request) -> None:
    """Speak for another of one's organisations."""
    service.speak_for(context, request.cookies.get(context.cookie, ""), wanted.organisation)


@router.get("/account", responses=problems(401))
def get_account(person: Person, session: ReadSession) -> AccountOut:
    """Who is signed in."""
    return account_out(session, person)


@router.put("/account/password", status_code=204, responses=problems(401, 422, 429))
def put_password(wanted: PasswordIn, person: Person, context: Context, device: Device, response: Response) -> None:
    """Choose another password, or the first, without `old`. All other sessions and all mailed links end."""
    keep_session(response, context, service.change_password(context, person, wanted.old, wanted.new, device))


@router.get("/account/invitations", responses=problems(401))
def get_invitations(person: Person, session: ReadSession, context: Context) -> OwnInvitationsOut:
    """Organisations that ask the caller to become a member."""
    return OwnInvitationsOut(invitations=own_invitations(session, person, context.now()))


@router.put("/account/invitations/{invitation_id}", status_code=204, responses=problems(401, 404, 422))
def put_invitation(invitation_id: Uuid, wanted: InvitationAnswerIn, person: Person, context: Context) -> None:
    """Become a member, or decline."""
    service.answer_invitation(context, person, invitation_id, wanted.accepted)


@router.delete("/account/memberships/{organisation_id}", status_code=204, responses=problems(401, 404, 409))
def delete_membership(organisation_id: NamePath, person: Person, context: Context) -> None:
    """Leave an organisation. 409 for its only owner, who makes somebody else an owner first."""
    service.leave(context, person, organisation_id)


@router.get("/account/data", responses=problems(401))
def get_data(person: Person, session: ReadSession, context: Context) -> dict[str, Any]:
    """Everything that is kept of the person (GDPR, article 15)."""
    return personal_data.export(session, person.account, context.events)


@router.delete("/account", status_code=204, responses=problems(401, 409))
def delete_account(person: Person, context: Context, request: Request, response: Response) -> None:
    """Erase the person (GDPR, article 17)."""
    service.erase(context, person)
    end_session(request, response, context)


def account_out(session: ReadSession, person: SignedIn) -> AccountOut:
    organisations = [
        MembershipOut(organisation=one.id, name=one.name, role=Role(role))
        for one, role in memberships(session, person.account.id)
    ]
    account, organisation = person.account, person.organisation
    mails = account_settings.chosen_mails(session, person)
    return AccountOut(
        id=account.id,
        email=account.email,
        name=account.name,
        language=account.language,
        mail_hour=mails.hour,
        mails={name: how for name, _, how in mails.kinds},
        speaks_for=organisation.id if organisation else None,
        memberships=organisations,
    )


def own_invitations(session: ReadSession, person: SignedIn, now: datetime) -> list[OwnInvitationOut]:
    return [
        OwnInvitationOut(
            id=one.id, organisation=organisation.id, name=organisation.name, role=Role(one.role), expires=one.expires
        )
        for one, organisation in invitations.of_address(session, person.account.email, now)
    ]


def keep_session(response: Response, context: PlatformContext, new: NewSession) -> None:
    """The cookies: not for scripts, not sent along from other sites, over TLS alone where there is TLS."""
    for name, secret, life in (
        (context.cookie, new.secret, SESSION_LIFE),
        (context.device_cookie, new.device, DEVICE_LIFE),
    ):
        response.set_cookie(
            name,
            secret,
            max_age=int(life.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=context.secure,
            path="/",
        )


def keep_language(request: Request, response: Response, context: PlatformContext, account: Account) -> None:
    """The account's, in a browser in which none was chosen."""
    if "lang" not in request.cookies:
        response.set_cookie("lang", account.language, samesite="lax", httponly=True, secure=context.secure)


def use_language(response: Response, context: PlatformContext, language: str) -> None:
    """In this browser, from now on."""
    response.set_cookie("lang", language, max_age=_YEAR_S, samesite="lax", httponly=True, secure=context.secure)


def end_session(request: Request, response: Response, context: PlatformContext) -> None:
    secret = request.cookies.get(context.cookie)
    if secret:
        service.sign_out(context, secret)
    response.delete_cookie(context.cookie, path="/", secure=context.secure, httponly=True, samesite="lax")
