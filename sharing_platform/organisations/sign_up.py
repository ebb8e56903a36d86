"""Creates accounts: at registration, by invitation, or for a guest's first request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Kind, Role


@dataclass(frozen=True)
class SignUp:
    """`url`: the platform's public address, for links in e-mails."""

    url: str
    zone: str

    def register(
        self, session: Session, name: str, email: str, organisation: str, kind: Kind, language: str, now: datetime
    ) -> None:
        """Create account and organisation, and send the link that confirms the address. Only the owner of the address learns
        whether there already was an account."""
        account, new = accounts.get_or_create_account(session, email, name, language, now)
        if not new and account.confirmed is not None:
            self.write(session, account, "known", now, link=f"{self.url}/sign-in")
            return
        if new:
            made = directory.create_organisation(session, organisation, kind, now, owner=account)
            log(session, now, None, "organisation.founded", made.id, organisation=made.id)
        self.send_link(session, account, "confirm", now)

    def guest(
        self, session: Session, name: str, email: str, organisation: str, language: str, now: datetime
    ) -> tuple[Account, Organisation]:
        """Who asks without having signed in: their account, made if need be, and the organisation they ask for. An account that
        exists speaks for its own organisation, whatever was typed."""
        account, new = accounts.get_or_create_account(session, email, name, language, now)
        existing = [] if new else directory.memberships(session, account.id)
        if existing:
            return account, existing[0][0]
        made = directory.create_organisation(session, organisation, Kind.SEEKER, now, owner=account)
        log(session, now, None, "organisation.founded", made.id, organisation=made.id)
        return account, made

    def invite(
        self,
        session: Session,
        organisation: Organisation,
        name: str,
        email: str,
        role: Role,
        language: str,
        now: datetime,
    ) -> Account:
        """Take somebody in, and let them know. Raises ConflictError where that left no owner."""
        account, _ = accounts.get_or_create_account(session, email, name, language, now)
        directory.put_member(session, organisation.id, account.id, role, now)
        if account.confirmed is None:
            self.send_link(session, account, "invited", now, organisation=organisation.name)
        else:
            self.write(session, account, "joined", now, organisation=organisation.name, link=f"{self.url}/desk")
        return account

    def forgot(self, session: Session, email: str, now: datetime) -> None:
        """Send a link to choose a password, where there is such an account; the answer is the same where there is none."""
        account = accounts.find_account(session, email)
        if account is not None and account.erased is None:
            self.send_link(session, account, "reset", now)

    def send_link(
        self,
        session: Session,
        account: Account,
        key: str,
        now: datetime,
        parts: Sequence[tuple[datetime, datetime]] = (),
        **values: object,
    ) -> None:
        """The secret works once; the page that it leads to moves it out of the address at once. `parts`: as `queue_mail` takes them."""
        link = f"{self.url}/welcome/{accounts.create_link(session, account, now)}"
        queue_mail(session, account, key, self.zone, now, parts, link=link, **values)

    def write(self, session: Session, account: Account, key: str, now: datetime, **values: object) -> None:
        queue_mail(session, account, key, self.zone, now, (), **values)
