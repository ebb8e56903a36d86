"""Operations on accounts and organisations for API and pages, each in one transaction and recorded in the audit log."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import InvalidError, NotFoundError
from sharing_platform.geography import place_named
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.models import Webhook
from sharing_platform.organisations import (
    accounts,
    api_tokens,
    devices,
    directory,
    invitations,
    personal_data,
    rate_limits,
)
from sharing_platform.organisations.accounts import NewSession, SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.events import MemberRemoved, OrganisationRefused
from sharing_platform.organisations.identifiers import BELGIUM, identifier_of
from sharing_platform.organisations.mailed_links import Purpose, find_link, use_link
from sharing_platform.organisations.models import Account, ApiToken, Invitation, MailedLink, Membership, Organisation
from sharing_platform.organisations.particulars import number_of_one
from sharing_platform.organisations.permissions import Actor, Kind, Right, Role
from sharing_platform.organisations.schemas import (
    DecisionIn,
    LinkOut,
    MemberIn,
    RegisterIn,
    SignInIn,
    TokenIn,
    WelcomeIn,
)
from sharing_platform.organisations.sign_up import SignUp
from sharing_platform.site_pages import versions

WELCOME = (Purpose.REGISTER, Purpose.PASSWORD, Purpose.INVITATION)
"""What the links are for that lead to the page `/welcome`."""


def register(context: PlatformContext, wanted: RegisterIn, address: str) -> None:
    """Raises TooManyError, InvalidError for a number that is missing or wrong. Answers the same whether or not there is such an account, or such an organisation, already."""
    now = context.now()
    identifier = identifier_of(wanted.country, wanted.enterprise_number, wanted.vat)
    if identifier is None and wanted.country == BELGIUM:
        raise InvalidError("enterprise_number_missing", "enterprise_number")
    with read_session(context.sessions) as session:
        _require_terms(versions.present(session, versions.TERMS, now).number, wanted.terms)
    rate_limits.require_mail(context.sessions, "register", address, wanted.email, now)
    with context.sessions.begin() as session:
        _sign_up(context).register(session, wanted, identifier, now)
    context.wake_workers()


def _require_terms(present: int, accepted: int | None) -> None:
    """Raises InvalidError where they were not accepted, or are others by now."""
    if accepted is None:
        raise InvalidError("terms_needed", "terms")
    if accepted != present:
        raise InvalidError("terms_changed", "terms")


def forgot(context: PlatformContext, email: str, address: str, device: str) -> None:
    """Raises TooManyError. A mailbox that has got too many such links already has one that works: nothing more is sent then."""
    now = context.now()
    with read_session(context.sessions) as session:
        known = devices.is_known(session, accounts.find_account(session, email), device, now)
    sender = f"device {device}" if known else address
    if not rate_limits.count_mail(context.sessions, "password", sender, email, now):
        return
    with context.sessions.begin() as session:
        _sign_up(context).forgot(session, email, now)
    context.wake_workers()


def welcome(context: PlatformContext, wanted: WelcomeIn, device: str) -> NewSession:
    """Use a mailed link: make the account and the organisation that were registered, accept an invitation with a new account, or choose a password.
    `device`: the secret that the browser presented. Raises NotFoundError, InvalidError for a bad password."""
    now = context.now()
    with context.sessions.begin() as session, number_of_one():
        link = use_link(session, wanted.link, now, *WELCOME)
        match link.purpose:
            case Purpose.REGISTER:
                account = _registered(session, link, now)
            case Purpose.INVITATION:
                account = _invited(session, link, wanted.name, now)
            case _:
                account = _known(session, link)
        accounts.confirm(account, now)
        accounts.set_password(session, account, wanted.password, now)
        log(session, now, None, "account.confirmed", account.id)
        return accounts.start_session(session, account, device, now)


def _known(session: Session, link: MailedLink) -> Account:
    """Raises NotFoundError."""
    account = accounts.find_account(session, link.email)
    if account is None:
        raise NotFoundError("link")
    return account


def _invited(session: Session, link: MailedLink, name: str | None, now: datetime) -> Account:
    """The account that accepts the invitation of a link. Raises NotFoundError where it is withdrawn or answered."""
    invitation = invitations.find(session, link.subject, now, email=link.email)
    account = accounts.make_account(session, link.email, name or invitation.name, link.details["language"], now)
    _join(session, invitation, account, now)
    return account


def _join(session: Session, invitation: Invitation, account: Account, now: datetime) -> None:
    role = invitation.role
    organisation = invitations.accept(session, invitation, account, now)
    log(session, now, None, "member.joined", account.id, organisation=organisation.id, role=role)


def link_shown(session: Session, secret: str, now: datetime) -> LinkOut:
    """What a link is for. Raises NotFoundError."""
    link = find_link(session, secret, now, *WELCOME)
    if link.purpose == Purpose.INVITATION:
        invitation = invitations.find(session, link.subject, now, email=link.email)
        organisation = session.get_one(Organisation, invitation.organisation_id)
        return LinkOut(
            purpose="invitation", email=link.email, name=invitation.name, organisation=organisation.name,
            role=Role(invitation.role),
        )  # fmt: skip
    known = {name: value for name, value in link.details.items() if name in LinkOut.model_fields}
    return LinkOut.model_validate({"purpose": link.purpose, "email": link.email, **known})


def decline_by_link(context: PlatformContext, secret: str) -> None:
    """Decline the invitation of a mailed link. Raises NotFoundError."""
    now = context.now()
    with context.sessions.begin() as session:
        link = use_link(session, secret, now, Purpose.INVITATION)
        _decline(session, invitations.find(session, link.subject, now, email=link.email), None, now)


def answer_invitation(context: PlatformContext, person: SignedIn, invitation_id: str, accepted: bool) -> None:
    """Become a member, or decline. Raises NotFoundError."""
    now = context.now()
    with context.sessions.begin() as session:
        invitation = invitations.find(session, invitation_id, now, email=person.account.email)
        if accepted:
            _join(session, invitation, session.get_one(Account, person.account.id), now)
        else:
            _decline(session, invitation, person.account.id, now)


def _decline(session: Session, invitation: Invitation, account: str | None, now: datetime) -> None:
    log(session, now, None, "invitation.declined", account or "", organisation=invitation.organisation_id)
    session.delete(invitation)


def leave(context: PlatformContext, person: SignedIn, organisation: str) -> None:
    """Raises NotFoundError; ConflictError where no owner would be left."""
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        directory.remove_member(session, organisation, account.id)
        context.events.publish(MemberRemoved(session, organisation, account.id))
        log(session, context.now(), None, "member.left", account.id, organisation=organisation)
    context.wake_workers()


def _registered(session: Session, link: MailedLink, now: datetime) -> Account:
    """The account and the organisation of a registration. Raises NotFoundError where the address has an account by now."""
    given = link.details
    if accounts.confirmed_account(session, link.email) is not None:
        raise NotFoundError("link")
    account = accounts.make_account(session, link.email, given["name"], given["language"], now)
    country, identifier = given.get("country", ""), given.get("identifier") or None
    made = directory.found_organisation(session, given["organisation"], Kind(given["kind"]), now, account)
    made.country = country
    directory.set_identifier(session, made, identifier)
    made.vat = identifier if identifier is not None and country != BELGIUM else ""
    if given.get("terms"):
        versions.accept_terms(session, account.id, int(given["terms"]), now)
    made.place, made.address = given.get("place", ""), given.get("address", "")
    place = place_named(made.place)
    directory.set_location(made, place.latitude if place else None, place.longitude if place else None)
    session.flush()
    return account


def sign_in(context: PlatformContext, wanted: SignInIn, address: str, device: str) -> tuple[NewSession, Account]:
    """`device`: the secret that the browser presented. Wrong passwords from elsewhere do not keep a known device out. Raises InvalidError,
    TooManyError."""
    with rate_limits.failures_logged(address):
        return _sign_in(context, wanted, address, device)


def _sign_in(context: PlatformContext, wanted: SignInIn, address: str, device: str) -> tuple[NewSession, Account]:
    now = context.now()
    with read_session(context.sessions) as session:
        account = accounts.find_account(session, wanted.email)
        known = devices.is_known(session, account, device, now)
    counted = rate_limits.count_sign_in(context.sessions, wanted.email, address, device if known else None, now)
    with context.sessions.begin() as session:
        account = accounts.sign_in(session, wanted.email, wanted.password)
        rate_limits.give_back(session, counted)
        log(session, now, None, "account.signed_in", account.id)
        return accounts.start_session(session, account, device, now), account


def sign_out(context: PlatformContext, secret: str) -> None:
    with context.sessions.begin() as session:
        accounts.sign_out(session, secret)


def speak_for(context: PlatformContext, secret: str, organisation: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        accounts.switch_organisation(session, secret, organisation, context.now())


def change_password(context: PlatformContext, person: SignedIn, old: str | None, new: str, device: str) -> NewSession:
    """`old`: None for the first password of an account that has none. Ends all sessions; returns a new one. Raises InvalidError, TooManyError, and ConflictError where
    somebody without a password, but with a passkey, has signed in too long ago."""
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.PASSWORD_BY_ACCOUNT, person.account.id, now)
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        if account.password_hash is not None or (person.can_return and not person.recent(now)):
            accounts.require_password(account, old, "old")
        accounts.set_password(session, account, new, now)
        log(session, now, person.actor(), "account.password", account.id)
        return accounts.start_session(session, account, device, now)


def erase(context: PlatformContext, person: SignedIn) -> None:
    """Raises ConflictError."""
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        personal_data.erase(session, account, context.events, context.now())
        log(session, context.now(), None, "account.erased", account.id)


def decide(context: PlatformContext, actor: Actor, organisation_id: str, wanted: DecisionIn) -> Organisation:
    """Record the region's decision and notify the organisation's owners. Offers of a refused organisation are withdrawn. Raises NotFoundError, ConflictError, and
    InvalidError for a refusal without a reason."""
    approved = wanted.approved
    now = context.now()
    with context.sessions.begin() as session:
        organisation = directory.decide(session, organisation_id, approved, wanted.reason, now)
        action = "organisation.approved" if approved else "organisation.refused"
        log(session, now, actor, action, organisation_id)
        if not approved:
            context.events.publish(OrganisationRefused(session, organisation, now))
        key = "approved" if approved else "refused"
        for account in directory.members_with_roles(session, organisation_id, (Role.OWNER,)):
            said = {"organisation": organisation.name, "reason": organisation.refusal, "link": f"{context.url}/desk"}
            _sign_up(context).write(session, account, key, now, **said)
    context.live.publish("offers", organisation.id)
    context.wake_workers()
    return organisation


def invite(context: PlatformContext, actor: Actor, wanted: MemberIn) -> Invitation:
    """Ask somebody to become a member. The answer does not tell whether the address has an account. Raises ConflictError, TooManyError."""
    now = context.now()
    sender = f"organisation {actor.organisation}"
    rate_limits.require_mail(context.sessions, "invitation", sender, wanted.email, now)
    with context.sessions.begin() as session:
        invitation = invitations.invite(session, actor.organisation, wanted.name, wanted.email, wanted.role, now)
        _sign_up(context).invite(session, invitation, wanted.language, now)
        log(session, now, actor, "member.invited", invitation.id, role=wanted.role)
    context.wake_workers()
    return invitation


def withdraw_invitation(context: PlatformContext, actor: Actor, invitation_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        invitation = invitations.find(session, invitation_id, context.now(), organisation_id=actor.organisation)
        session.delete(invitation)
        log(session, context.now(), actor, "invitation.withdrawn", invitation_id)


def set_role(context: PlatformContext, actor: Actor, account: str, role: Role) -> None:
    """Raises NotFoundError, ConflictError."""
    with context.sessions.begin() as session:
        if session.get(Membership, (account, actor.organisation)) is None:
            raise NotFoundError
        directory.put_member(session, actor.organisation, account, role, context.now())
        log(session, context.now(), actor, "member.role", account, role=role)


def remove_member(context: PlatformContext, actor: Actor, account: str) -> None:
    """Raises NotFoundError, ConflictError."""
    with context.sessions.begin() as session:
        directory.remove_member(session, actor.organisation, account)
        context.events.publish(MemberRemoved(session, actor.organisation, account))
        log(session, context.now(), actor, "member.removed", account)
    context.wake_workers()


def new_token(context: PlatformContext, actor: Actor, wanted: TokenIn) -> tuple[ApiToken, str]:
    """Raises ConflictError."""
    with context.sessions.begin() as session:
        scopes = [Right(one) for one in wanted.scopes]
        token, secret = api_tokens.new_token(session, actor.organisation, wanted.name, scopes, context.now())
        log(session, context.now(), actor, "token.made", token.id, scopes=token.scopes)
    return token, secret


def revoke(context: PlatformContext, actor: Actor, token_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        api_tokens.revoke(session, actor.organisation, token_id, context.now())
        log(session, context.now(), actor, "token.revoked", token_id)


def add_webhook(context: PlatformContext, actor: Actor, url: str) -> Webhook:
    """Raises InvalidError, ConflictError."""
    webhooks.check_url(url, context.private_webhooks, context.webhook_ports)
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    with context.sessions.begin() as session:
        webhook = webhooks.add_webhook(session, actor.organisation, url, secret, context.now())
        log(session, context.now(), actor, "webhook.added", webhook.id)
    return webhook


def remove_webhook(context: PlatformContext, actor: Actor, webhook_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        webhooks.webhook_of(session, actor.organisation, webhook_id).removed = context.now()
        log(session, context.now(), actor, "webhook.removed", webhook_id)


def _sign_up(context: PlatformContext) -> SignUp:
    return SignUp(context.url, context.zone)
