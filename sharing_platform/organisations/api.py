"""Organisations: particulars, members, tokens; their approval by the region, and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.etags import check_match, set_etag
from sharing_platform.organisations import audit_log, directory, invitations, particulars, service
from sharing_platform.organisations.dependencies import Governor, Reader
from sharing_platform.organisations.models import Account, ApiToken, AuditEntry, Invitation, Organisation
from sharing_platform.organisations.permissions import ANSWERING, Kind, Right, Role
from sharing_platform.organisations.schemas import (
    AnsweringOut,
    ApplicationIn,
    AuditOut,
    AuditPage,
    InvitationOut,
    MemberIn,
    MemberOut,
    MembersOut,
    NewTokenOut,
    OrganisationIn,
    OrganisationOut,
    RoleIn,
    TokenIn,
    TokenOut,
    TokensOut,
)
from sharing_platform.parameters import IfMatch, Limit, Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["organisations"])


@router.get("/organisation", responses=problems(401, 403))
def get_own(actor: Reader, session: ReadSession, response: Response) -> OrganisationOut:
    """One's own organisation."""
    shown = organisation_out(session.get_one(Organisation, actor.organisation))
    set_etag(response, shown)
    return shown


@router.put("/organisation", responses=problems(401, 403, 412, 422))
def put_own(
    wanted: OrganisationIn, actor: Governor, context: Context, session: ReadSession, if_match: IfMatch = None
) -> OrganisationOut:
    """Change its particulars."""
    check_match(if_match, organisation_out(session.get_one(Organisation, actor.organisation)))
    return organisation_out(particulars.put_organisation(context, actor, wanted))


@router.post("/organisation/application", responses=problems(401, 403, 409, 422))
def post_application(wanted: ApplicationIn, actor: Reader, context: Context) -> OrganisationOut:
    """Apply again after the region has refused it, as one of its owners. 409 where it was not refused, or has applied five times."""
    return organisation_out(particulars.apply_again(context, actor, wanted))


@router.get("/organisation/answering", responses=problems(401, 403))
def get_answering(actor: Reader, session: ReadSession) -> AnsweringOut:
    """How many of its people can answer requests; a factory's server warns while nobody can."""
    return AnsweringOut(people=len(directory.members_with_roles(session, actor.organisation, ANSWERING)))


@router.get("/organisation/members", responses=problems(401, 403))
def get_members(actor: Governor, session: ReadSession, context: Context) -> MembersOut:
    """Who is in it, and who is invited."""
    invited = invitations.of_organisation(session, actor.organisation, context.now())
    return MembersOut(
        members=[member_out(*one) for one in _members(session, actor.organisation)],
        invited=[invitation_out(one) for one in invited],
    )


@router.post("/organisation/members", status_code=201, responses=problems(401, 403, 409, 422, 429))
def post_member(wanted: MemberIn, actor: Governor, context: Context) -> InvitationOut:
    """Invite somebody; they get an e-mail, and are a member once they accept."""
    return invitation_out(service.invite(context, actor, wanted))


@router.delete("/organisation/invitations/{invitation_id}", status_code=204, responses=problems(401, 403, 404))
def delete_invitation(invitation_id: Uuid, actor: Governor, context: Context) -> None:
    """Withdraw an invitation."""
    service.withdraw_invitation(context, actor, invitation_id)


@router.put("/organisation/members/{account_id}", status_code=204, responses=problems(401, 403, 404, 409, 422))
def put_role(account_id: Uuid, wanted: RoleIn, actor: Governor, context: Context) -> None:
    """Give another role. 409 where that left no owner."""
    service.set_role(context, actor, account_id, wanted.role)


@router.delete("/organisation/members/{account_id}", status_code=204, responses=problems(401, 403, 404, 409))
def delete_member(account_id: Uuid, actor: Governor, context: Context) -> None:
    """Let somebody go; they speak for this organisation no more. 409 where that left no owner."""
    service.remove_member(context, actor, account_id)


@router.get("/organisation/tokens", responses=problems(401, 403))
def get_tokens(actor: Governor, session: ReadSession) -> TokensOut:
    """Its tokens, without their secrets."""
    return TokensOut(tokens=[token_out(one) for one in directory.tokens(session, actor.organisation)])


@router.post("/organisation/tokens", status_code=201, responses=problems(401, 403, 409, 422))
def post_token(wanted: TokenIn, actor: Governor, context: Context) -> NewTokenOut:
    """Make a token; it is shown this once."""
    token, secret = service.new_token(context, actor, wanted)
    return NewTokenOut(**token_out(token).model_dump(), token=secret)


@router.delete("/organisation/tokens/{token_id}", status_code=204, responses=problems(401, 403, 404))
def delete_token(token_id: Uuid, actor: Governor, context: Context) -> None:
    """Revoke it: it is worth nothing from now on."""
    service.revoke(context, actor, token_id)


@router.get("/organisation/audit", responses=problems(401, 403, 422))
def get_own_audit(
    actor: Governor,
    session: ReadSession,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> AuditPage:
    """What its members and programs did, the newest first."""
    return audit_page(audit_log.own_entries(session, actor.organisation, before, limit + 1), limit)


def audit_page(entries: list[tuple[int, AuditEntry]], limit: int) -> AuditPage:
    """`entries`: one more than is shown where there are more, each with its number."""
    shown = [
        AuditOut(
            id=number, at=one.at, account=one.account_id, token=one.token_id, organisation=one.organisation_id,
            action=one.action, subject=one.subject, details=one.details,
        )
        for number, one in entries[:limit]
    ]  # fmt: skip
    return AuditPage(entries=shown, next=entries[limit - 1][0] if len(entries) > limit else None)


def _members(session: ReadSession, organisation: str) -> list[tuple[Account, Role]]:
    return [(account, Role(membership.role)) for account, membership in directory.members(session, organisation)]


def member_out(account: Account, role: Role) -> MemberOut:
    return MemberOut(
        id=account.id, name=account.name, email=account.email, role=role, confirmed=account.confirmed is not None
    )


def invitation_out(one: Invitation) -> InvitationOut:
    return InvitationOut.model_validate({name: getattr(one, name) for name in InvitationOut.model_fields})


def token_out(token: ApiToken) -> TokenOut:
    scopes = [Right(one) for one in token.scopes]
    return TokenOut(id=token.id, name=token.name, scopes=scopes, created=token.created, last_used=token.last_used)


def organisation_out(one: Organisation) -> OrganisationOut:
    given = {name: getattr(one, name) for name in OrganisationOut.model_fields if name != "kind"}
    return OrganisationOut.model_validate({**given, "kind": Kind(one.kind)})
