"""E-mails to people who want an account or have one: at registration, for a forgotten password, with an invitation. Before somebody has used the link in such an
e-mail, no account is made for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.notifications.mail import Mailbox, Recipient, queue_mail
from sharing_platform.organisations import accounts
from sharing_platform.organisations.invitations import INVITATION_LIFE
from sharing_platform.organisations.mailed_links import Purpose, create_link
from sharing_platform.organisations.models import Account, Invitation
from sharing_platform.organisations.schemas import RegisterIn


@dataclass(frozen=True)
class SignUp:
    """`url`: the platform's public address, for links in e-mails."""

    url: str
    zone: str

    def register(self, session: Session, wanted: RegisterIn, identifier: str | None, now: datetime) -> None:
        """Send the link that makes account and organisation. Only the owner of the address learns whether there already was an account.
        `identifier`: the organisation's number, as `identifiers.identifier_of`. Whether another organisation has it, or nearly this name, nobody learns but the region."""
        account = accounts.confirmed_account(session, wanted.email)
        if account is not None:
            sign_in, forgotten = f"{self.url}/sign-in", f"{self.url}/forgotten"
            self.write(session, account, "known", now, link=sign_in, forgotten=forgotten)
            return
        details = wanted.model_dump(include={"name", "organisation", "kind", "language", "country", "place", "address"})
        details["terms"] = str(wanted.terms)
        details["identifier"] = identifier or ""
        subject = wanted.organisation.casefold()[:200]
        secret = create_link(session, Purpose.REGISTER, wanted.email, now, subject, details)
        mailbox = Mailbox(wanted.email, wanted.language)
        self.write(session, mailbox, "confirm", now, link=f"{self.url}/welcome/{secret}")

    def invite(self, session: Session, invitation: Invitation, language: str, now: datetime) -> str:
        """Tell somebody that they are invited. By whom, they see on the platform: an organisation's name is what its owners typed. Returns the link."""
        account = accounts.confirmed_account(session, invitation.email)
        link = self.invitation_link(session, invitation, language, now)
        key = "invited_known" if accounts.can_sign_in(session, account) else "invited"
        self.write(session, account or Mailbox(invitation.email, language), key, now, link=link)
        return link

    def invitation_link(self, session: Session, invitation: Invitation, language: str, now: datetime) -> str:
        """Where somebody answers an invitation: on their overview, or for who has neither password nor passkey yet on a page that opens once."""
        if accounts.can_sign_in(session, accounts.confirmed_account(session, invitation.email)):
            return f"{self.url}/desk"
        details = {"language": language}
        secret = create_link(
            session, Purpose.INVITATION, invitation.email, now, invitation.id, details, INVITATION_LIFE
        )
        return f"{self.url}/welcome/{secret}"

    def forgot(self, session: Session, email: str, now: datetime) -> None:
        """Send a link to choose a password, where there is such an account; the answer is the same where there is none."""
        account = accounts.find_account(session, email)
        if account is None:
            return
        link = f"{self.url}/welcome/{create_link(session, Purpose.PASSWORD, email, now)}"
        self.write(session, mailbox_of(account), "reset", now, link=link)

    def write(
        self,
        session: Session,
        recipient: Recipient,
        key: str,
        now: datetime,
        **values: object,
    ) -> None:
        queue_mail(session, recipient, key, self.zone, now, (), **values)


def mailbox_of(account: Account) -> Recipient:
    """The account; its mere mailbox where nobody has shown that it is theirs: its name may be what a stranger typed."""
    return account if account.confirmed is not None else Mailbox(account.email, account.language)
