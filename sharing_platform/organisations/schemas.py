"""What goes over the HTTP API about organisations and people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from sharing_platform.notifications.preferences import How
from sharing_platform.organisations.permissions import Kind, Right, Role
from sharing_platform.schemas import (
    ApiModel,
    Email,
    Latitude,
    Longitude,
    LongText,
    Name,
    OneLine,
    OrganisationName,
    Term,
    Text,
)

Password = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"format": "password"})]
LanguageCode = Literal["nl", "fr", "en"]
TokenScope = Literal["read", "ask", "answer", "offer", "list", "integrate"]
NewKind = Literal["factory", "seeker", "training_centre"]


Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")]
Number = Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=20)]


class RegisterIn(ApiModel):
    """A person and their organisation, which the region then approves. `enterprise_number` (KBO/BCE) is needed of a Belgian organisation; others give a VAT
    number if they have one. The answer does not tell whether another organisation has the same number, or nearly this name: the region looks at that. `place` and
    `address`: where it is; the region sees them, and partners of a booking the address."""

    name: OrganisationName
    email: Email
    organisation: OrganisationName
    kind: NewKind = "seeker"
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "BE"
    enterprise_number: Number = ""
    vat: Number = ""
    place: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""
    terms: Annotated[
        int | None,
        Field(ge=1, description="The version of the terms of use that is accepted, which must be the present one."),
    ] = None
    language: LanguageCode = "nl"


LinkSecret = Annotated[str, Field(max_length=100)]


class LinkIn(ApiModel):
    """The secret from an e-mail: the last part of the link."""

    link: LinkSecret


class LinkOut(ApiModel):
    """What a link is for. `register` makes this account and this organisation, `invitation` this account as a member of the organisation, `password` sets a
    password for the account that exists."""

    purpose: Literal["register", "password", "invitation"]
    email: str
    name: str | None = None
    organisation: str | None = None
    kind: NewKind | None = None
    role: Role | None = None


class WelcomeIn(LinkIn):
    """The secret from an e-mail, and the password to set. `name`: one's own name, where an invitation has it wrong."""

    password: Password
    name: OrganisationName | None = None


class SignInIn(ApiModel):
    """For a browser's session; programs use tokens."""

    email: Email
    password: Password


class ForgotIn(ApiModel):
    """Where the link goes."""

    email: Email


class PasswordIn(ApiModel):
    """The old one proves that it is the person. An account of a guest has none yet."""

    old: Password | None = None
    new: Password


class PasskeySignInIn(ApiModel):
    """The answer of the browser (`PublicKeyCredential.toJSON()`) to the options that it was given just before."""

    credential: dict[str, Any]


class ProofIn(ApiModel):
    """The password proves that it is the person; not needed shortly after signing in."""

    password: Password | None = None


class PasskeyNameIn(ApiModel):
    """How the person calls it, to tell it from others."""

    name: Term


class PasskeyIn(PasskeyNameIn, PasskeySignInIn):
    """A new passkey: the browser's answer to the options, and a name."""


class PasskeyOut(ApiModel):
    """A passkey. `last_used`: when somebody last signed in with it."""

    id: str
    name: str
    created: datetime
    last_used: datetime | None


class PasskeysOut(ApiModel):
    """The oldest first."""

    passkeys: list[PasskeyOut]


class IdentityOut(ApiModel):
    """An identity provider with which somebody signs in: its issuer (OpenID Connect), and what it calls the person."""

    id: str
    issuer: str
    subject: str
    created: datetime
    last_used: datetime | None


class IdentitiesOut(ApiModel):
    """The oldest first."""

    identities: list[IdentityOut]


class SpeakForIn(ApiModel):
    """Which of one's organisations the session speaks for."""

    organisation: Name


class MembershipOut(ApiModel):
    """An organisation that somebody is in."""

    organisation: str
    name: str
    role: Role


class AccountIn(ApiModel):
    """What people change about their account. `mails`: how they are told of each kind of what is not essential; `mail_hour`: when a summary of the day goes, on local clocks."""

    name: OrganisationName
    language: LanguageCode
    mail_hour: Annotated[int | None, Field(ge=0, le=23)] = None
    mails: Annotated[dict[Annotated[str, StringConstraints(max_length=20)], How], Field(max_length=20)] = Field(
        default_factory=dict
    )


class AddressIn(ApiModel):
    """Another e-mail address, to which a link goes. The password is not needed shortly after signing in."""

    email: Email
    password: Password | None = None


class BrowserOut(ApiModel):
    """A browser in which one is signed in. `here`: the one that asks."""

    id: str
    since: datetime
    until: datetime
    here: bool


class BrowsersOut(ApiModel):
    """The newest first."""

    browsers: list[BrowserOut]


class AccountOut(ApiModel):
    """Who is signed in. `mails` and `mail_hour` as in what is changed."""

    id: str
    email: str
    name: str
    language: str
    mail_hour: int
    mails: dict[str, How]
    speaks_for: str | None
    memberships: list[MembershipOut]


class OrganisationIn(ApiModel):
    """Particulars. `place` without degrees is looked up; `address` is told to partners of a booking alone. `country` and `enterprise_number` as at registration; an
    organisation of before these were asked for may still leave them out."""

    name: OrganisationName
    country: Country = ""
    enterprise_number: Number = ""
    vat: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^([A-Z]{2}[ .0-9A-Z]{2,17})?$")] = ""
    place: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""


class ApplicationIn(OrganisationIn):
    """Apply again after a refusal. `text`: what is different now, for the region."""

    text: Annotated[Text, StringConstraints(max_length=2000)]


class OrganisationOut(OrganisationIn):
    """An organisation, for its own members and the region. `refusal`: why the region refused it; also while it waits after having applied again. `applications`: how often it has
    applied; `application`: what it wrote the last time."""

    id: str
    kind: Kind
    status: Literal["asked", "approved", "refused"]
    refusal: str
    applications: int
    application: str
    created: datetime


class AnsweringOut(ApiModel):
    """How many of the organisation's people can answer requests: owners and planners with a confirmed address."""

    people: int


class OrganisationPage(ApiModel):
    """In order of their ids."""

    organisations: list[OrganisationOut]
    next: str | None


class DecisionIn(ApiModel):
    """The region's word. `reason`: of a refusal, which needs one; the organisation reads it."""

    approved: bool
    reason: Annotated[LongText, StringConstraints(max_length=2000)] = ""


class MemberIn(ApiModel):
    """Somebody to invite; they get an e-mail."""

    name: OrganisationName
    email: Email
    role: Role = Role.MEMBER
    language: LanguageCode = "nl"


class RoleIn(ApiModel):
    """Another role."""

    role: Role


class MemberOut(ApiModel):
    """A member. `confirmed`: whether their address is."""

    id: str
    name: str
    email: str
    role: Role
    confirmed: bool


class InvitationOut(ApiModel):
    """Somebody who has not answered yet. `name` as it was typed."""

    id: str
    name: str
    email: str
    role: Role
    created: datetime
    expires: datetime


class MembersOut(ApiModel):
    """Members in order of their names, and who was invited."""

    members: list[MemberOut]
    invited: list[InvitationOut]


class OwnInvitationOut(ApiModel):
    """An organisation that asks the caller to become a member."""

    id: str
    organisation: str
    name: str
    role: Role
    expires: datetime


class OwnInvitationsOut(ApiModel):
    """The oldest first."""

    invitations: list[OwnInvitationOut]


class InvitationAnswerIn(ApiModel):
    """Whether to become a member."""

    accepted: bool


class TokenIn(ApiModel):
    """What the token is for, and may."""

    name: Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    scopes: Annotated[list[TokenScope], Field(min_length=1, max_length=6)]


class TokenOut(ApiModel):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[Right]
    created: datetime
    last_used: datetime | None


class NewTokenOut(TokenOut):
    """`token` is shown this once."""

    token: str


class TokensOut(ApiModel):
    """The newest first."""

    tokens: list[TokenOut]


class AuditOut(ApiModel):
    """Who did what. `id`: for an organisation, the number of the entry among its own. `account` and `token` by their ids."""

    id: int
    at: datetime
    account: str | None
    token: str | None
    organisation: str | None
    action: str
    subject: str
    details: dict[str, Any]


class AuditPage(ApiModel):
    """The newest first."""

    entries: list[AuditOut]
    next: int | None
