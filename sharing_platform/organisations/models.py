"""Tables of organisations, accounts, sessions, tokens and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime
from sharing_platform.organisations.identifiers import BELGIUM, shown_enterprise_number
from sharing_platform.organisations.permissions import Kind
from sharing_platform.public_version import ShownToAnybody


class Organisation(ShownToAnybody, Base):
    """A factory, a seeker, a training centre, or the region itself. Its address is for partners of a booking alone. `country`: ISO 3166-1, empty where it is not
    known yet; `identifier`: as `identifiers.identifier_of`; `refusal`: why the region refused it, empty if it did not; `announced`: when the region's administrators
    were told that it waits for approval."""

    __tablename__ = "organisation"
    __table_args__ = (Index("organisation_by_identifier", "identifier", unique=True),)

    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(10))
    vat: Mapped[str] = mapped_column(String(20), default="")
    country: Mapped[str] = mapped_column(String(2), default="", server_default="")
    identifier: Mapped[str | None] = mapped_column(String(20))
    claimed: Mapped[str | None] = mapped_column(String(20))
    """The number that it gave although another organisation has it: the region decides whose it is."""
    place: Mapped[str] = mapped_column(String(100), default="")
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    address: Mapped[str] = mapped_column(String(300), default="")
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    decided: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refusal: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Why the region refused it; also while it has applied again."""
    applications: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """The manieth that it has made."""
    application: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What it wrote with it, if it is not the first."""
    announced: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def enterprise_number(self) -> str:
        return shown_enterprise_number(self.identifier or self.claimed)

    @property
    def lacks_number(self) -> bool:
        """Whether it is asked for its number. Organisations of other countries may have none, the region's own needs none."""
        return (
            self.identifier is None
            and self.claimed is None
            and self.country in ("", BELGIUM)
            and self.kind not in (Kind.REGION, Kind.NEIGHBOUR)
        )

    @property
    def degrees(self) -> tuple[float, float] | None:
        """Latitude and longitude (WGS 84); None where the organisation gave no place."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude


class Account(Base):
    """A person. `confirmed`: when the e-mail address proved to be theirs."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    confirmed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    erased: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Membership(Base):
    """A person's role in an organisation."""

    __tablename__ = "membership"
    __table_args__ = (Index("membership_by_organisation", "organisation_id"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(10))
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class Invitation(Base):
    """An organisation asks whoever reads the mail of an address to become a member. Removed once it is answered. `name`: as the organisation typed it."""

    __tablename__ = "invitation"
    __table_args__ = (
        Index("invitation_by_organisation", "organisation_id", "email", unique=True),
        Index("invitation_by_email", "email"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class MailedLink(Base):
    """A link sent by e-mail that works once. Only its hash is kept. `purpose` and `subject` (a booking, an invitation) say what it is for; `details`:
    what somebody typed for an address that has no account yet. Until the link is used, nothing else is kept of them."""

    __tablename__ = "mailed_link"
    __table_args__ = (Index("mailed_link_by_email", "email"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, str]] = mapped_column(JSON)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    used: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KnownDevice(Base):
    """A browser in which somebody has signed in. Only the hash of its cookie is kept."""

    __tablename__ = "known_device"
    __table_args__ = (Index("known_device_by_account", "account_id"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class WebSession(Base):
    """Somebody signed in with a browser, speaking for one of their organisations. Only the hash of the cookie is kept."""

    __tablename__ = "web_session"
    __table_args__ = (Index("web_session_by_account", "account_id"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    organisation_id: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class Passkey(Base):
    """A public key with which somebody signs in (WebAuthn). `credential` and `public_key` in base64url; `uses`: the authenticator's own count, 0 where it keeps none."""

    __tablename__ = "passkey"
    __table_args__ = (
        Index("passkey_by_account", "account_id"),
        Index("passkey_by_credential", "credential", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(60))
    credential: Mapped[str] = mapped_column(String(1400))
    public_key: Mapped[str] = mapped_column(Text)
    uses: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasskeyChallenge(Base):
    """What a browser is to sign with a passkey: once, and soon. `holder`: the hash of the cookie of the browser that asked. `account_id`: whose account the
    passkey is added to; null for signing in."""

    __tablename__ = "passkey_challenge"

    holder: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    challenge: Mapped[str] = mapped_column(String(100))
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class Identity(Base):
    """With which identity provider somebody signs in, and as whom: its issuer, and what it calls the person for good."""

    __tablename__ = "identity"
    __table_args__ = (
        Index("identity_by_account", "account_id"),
        Index("identity_by_subject", "issuer", "subject", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime)


class IdentityAttempt(Base):
    """Somebody has gone to an identity provider, and may come back once and soon. `holder`: the hash of the browser's cookie; `account_id`: which account is to be
    linked, null for signing in; `after`: the page to go to then."""

    __tablename__ = "identity_attempt"

    holder: Mapped[str] = mapped_column(String(64), primary_key=True)
    provider: Mapped[str] = mapped_column(String(63))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    after: Mapped[str] = mapped_column(String(2000))
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiToken(Base):
    """What a program of an organisation signs in with. Only its hash is kept."""

    __tablename__ = "api_token"
    __table_args__ = (Index("api_token_by_organisation", "organisation_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """Who did what. The database refuses to change or remove an entry."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("audit_by_organisation", "organisation_id", "id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str | None] = mapped_column(String(36))
    token_id: Mapped[str | None] = mapped_column(String(36))
    organisation_id: Mapped[str | None] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RateWindow(Base):
    """How often something was tried since `began`."""

    __tablename__ = "rate_window"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    began: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer)
