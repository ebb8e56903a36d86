"""What goes over the HTTP API about organisations and people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from sharing_platform.messages import Email, Latitude, Longitude, LongText, Message, Name, OneLine, OrganisationName
from sharing_platform.people.access import Kind, Right, Role

Password = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"format": "password"})]
LanguageCode = Literal["nl", "fr", "en"]
TokenScope = Literal["read", "ask", "answer", "offer", "list", "integrate"]
NewKind = Literal["factory", "seeker", "training_centre"]


class RegisterIn(Message):
    """A person and their organisation, which the region then approves."""

    name: OrganisationName
    email: Email
    organisation: OrganisationName
    kind: NewKind = "seeker"
    language: LanguageCode = "nl"


class WelcomeIn(Message):
    """The secret from an e-mail, and the password to set."""

    link: Annotated[str, Field(max_length=100)]
    password: Password | None = None


class SignInIn(Message):
    """For a browser's session; programs use tokens."""

    email: Email
    password: Password


class ForgotIn(Message):
    """Where the link goes."""

    email: Email


class PasswordIn(Message):
    """The old one proves that it is the person."""

    old: Password
    new: Password


class SpeakForIn(Message):
    """Which of one's organisations the session speaks for."""

    organisation: Name


class MembershipOut(Message):
    """An organisation that somebody is in."""

    organisation: str
    name: str
    role: Role


class AccountOut(Message):
    """Who is signed in."""

    id: str
    email: str
    name: str
    language: str
    speaks_for: str | None
    memberships: list[MembershipOut]


class OrganisationIn(Message):
    """Particulars. `place` without degrees is looked up; `address` is told to partners of a booking alone."""

    name: OrganisationName
    vat: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^([A-Z]{2}[ .0-9A-Z]{2,17})?$")] = ""
    place: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""


class OrganisationOut(OrganisationIn):
    """An organisation, for its own members and the region."""

    id: str
    kind: Kind
    status: Literal["asked", "approved", "refused"]
    created: datetime


class OrganisationPage(Message):
    """In order of their ids."""

    organisations: list[OrganisationOut]
    next: str | None


class DecisionIn(Message):
    """The region's word."""

    approved: bool


class MemberIn(Message):
    """Somebody to take in; they get an e-mail."""

    name: OrganisationName
    email: Email
    role: Role = Role.MEMBER
    language: LanguageCode = "nl"


class RoleIn(Message):
    """Another role."""

    role: Role


class MemberOut(Message):
    """A member. `confirmed`: whether their address is."""

    id: str
    name: str
    email: str
    role: Role
    confirmed: bool


class MembersOut(Message):
    """In order of their names."""

    members: list[MemberOut]


class TokenIn(Message):
    """What the token is for, and may."""

    name: Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    scopes: Annotated[list[TokenScope], Field(min_length=1, max_length=6)]


class TokenOut(Message):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[Right]
    created: datetime
    last_used: datetime | None


class NewTokenOut(TokenOut):
    """`token` is shown this once."""

    token: str


class TokensOut(Message):
    """The newest first."""

    tokens: list[TokenOut]


class AuditOut(Message):
    """Who did what. `account` and `token` by their ids."""

    id: int
    at: datetime
    account: str | None
    token: str | None
    organisation: str | None
    action: str
    subject: str
    details: dict[str, Any]


class AuditPage(Message):
    """The newest first."""

    entries: list[AuditOut]
    next: int | None


class WebhookIn(Message):
    """Where events go; the secret is made here and shown once."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=500)]


class WebhookOut(Message):
    """A webhook, without its secret."""

    id: str
    url: str
    configured: bool
    created: datetime


class NewWebhookOut(WebhookOut):
    """`secret` (Standard Webhooks) is shown this once."""

    secret: str


class WebhooksOut(Message):
    """The oldest first."""

    webhooks: list[WebhookOut]


class DeliveryOut(Message):
    """One message to a webhook, and what became of it."""

    id: str
    kind: str
    data: dict[str, Any]
    created: datetime
    attempts: int
    next_attempt: datetime | None
    arrived: datetime | None
    error: str


class DeliveriesOut(Message):
    """The newest first."""

    deliveries: list[DeliveryOut]


class FeedIn(Message):
    """Which bookings the calendar shows: what others have of us, what we have of others, or those of one machine."""

    subject: Annotated[str, StringConstraints(pattern=r"^(provider|seeker|machine:[a-z0-9][a-z0-9_-]{0,62})$")]


class FeedOut(Message):
    """A calendar feed, without its address."""

    id: str
    subject: str
    created: datetime


class NewFeedOut(FeedOut):
    """`url` is shown this once."""

    url: str


class FeedsOut(Message):
    """The oldest first."""

    feeds: list[FeedOut]
