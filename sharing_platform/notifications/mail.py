"""E-mail: queued in the transaction that causes it, sent later by a `Mailer`."""

from __future__ import annotations

import os
import smtplib
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from sharing_platform.i18n import Translator
from sharing_platform.i18n import texts as texts_of
from sharing_platform.notifications.models import DigestItem, Mail
from sharing_platform.notifications.preferences import How, can_be_stopped, how_to_tell, kind_of, settings_of
from sharing_platform.notifications.signed_links import LinkTo, signed

_TIMEOUT_S = 20.0
_WIDEST_LINE = 900


class NotSentError(Exception):
    """The mail could not be handed over. The message gives the reason and none of its content."""


class Recipient(Protocol):
    """Whom an e-mail goes to: an account, or a `Mailbox`. `erased`: when the account was erased, if it was."""

    @property
    def id(self) -> str | None: ...

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str: ...

    @property
    def erased(self) -> datetime | None: ...


@dataclass(frozen=True)
class Mailbox:
    """An address that nobody has confirmed yet. A genuine e-mail to it must not carry what a stranger typed, so it has no name; callers pass no text of
    strangers either."""

    email: str
    language: str
    id: None = None
    name: str = ""
    erased: None = None


class Mailer(Protocol):
    """Hands a mail over."""

    def send(self, mail: EmailMessage) -> None:
        """Raises NotSentError."""
        ...


@dataclass(frozen=True)
class SmtpMailer:
    """Sends over SMTP. TLS is required on port 465 and used on other ports if the server offers it. A password is never
    sent without TLS."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None

    def send(self, mail: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self.user is not None and self.password is not None:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSentError(f"{self.host}:{self.port}: {type(error).__name__}") from error

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.port == smtplib.SMTP_SSL_PORT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_S, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_S)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
        elif self.password is not None:
            server.close()
            raise NotSentError(f"{self.host}:{self.port} offers no TLS; the password is not sent without")
        return server


@dataclass(frozen=True)
class FolderMailer:
    """Writes each mail into a folder as an `.eml` file, which mail programs open. For the demo and for trials."""

    folder: Path

    def send(self, mail: EmailMessage) -> None:
        name = f"{mail['Message-ID'].strip('<>').partition('@')[0]}.eml"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Who watches the folder sees whole mails alone.
            unfinished = self.folder / f"{name}.part"
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(bytes(mail))
            unfinished.replace(self.folder / name)
        except OSError as error:
            raise NotSentError(f"{self.folder}: {error.strerror}") from error


def queue_mail(
    session: Session,
    account: Recipient,
    key: str,
    zone: str,
    now: datetime,
    parts: Sequence[tuple[datetime, datetime]] = (),
    **values: object,
) -> Mail | None:
    """Queue a mail with the texts `mail_<key>_subject` and `mail_<key>_text` in the recipient's language. `parts`: of a request with several, when
    they begin and end. Returns it, to be completed; None for accounts that were erased, which get none, and for what its recipient wants in a summary or not at all."""
    if account.erased is not None:
        return None
    translator = Translator(account.language, zone)
    texts = {name: translator.format_value(value) for name, value in values.items()}
    periods = "\n".join(" – ".join(translator.format_value(moment) for moment in part) for part in parts)
    subject = " ".join(translator(f"mail_{key}_subject", **texts).split())
    text = translator(f"mail_{key}_text", **texts)
    text += f"\n\n{translator('mail_parts', parts=periods)}" if periods else ""
    kind = kind_of(key)
    if kind is not None and account.id is not None:
        how = how_to_tell(settings_of(session, account.id), kind)
        if how is How.DAILY:
            item = DigestItem(id=str(uuid.uuid4()), account_id=account.id, kind=kind, subject=subject, text=text)
            item.created = now
            session.add(item)
        if how is not How.AT_ONCE:
            return None
    hello = translator("mail_hello", name=account.name) if account.name else translator("mail_hello_unknown")
    mail = Mail(
        id=str(uuid.uuid4()),
        account_id=account.id,
        to=account.email,
        subject=subject,
        text=f"{hello}\n\n{text}\n\n{translator('site')}",
        created=now,
        next_attempt=now,
    )
    session.add(mail)
    if kind is not None and account.id is not None and can_be_stopped(kind):
        let_stop(session, mail, account, kind)
    return mail


def let_stop(session: Session, mail: Mail, account: Recipient, kind: str) -> None:
    """Its recipient can end e-mails of this kind from the e-mail itself, without signing in."""
    mail.unsubscribe = signed(session, LinkTo.MAILS, f"{account.id}/{kind}")
    mail.text += f"\n\n{texts_of(account.language)['mail_stop']}"


def as_message(mail: Mail, sender: str, url: str = "") -> EmailMessage:
    """As it goes over the wire. Policies of `EmailMessage` refuse line breaks in headers. `url`: the platform's public address. Mail programs offer a button with which no
    more of its kind come (RFC 8058), where that is a choice."""
    # Its usual width breaks long addresses in headers into encoded words, which no mail program takes for one (RFC 5322 allows 998).
    message = EmailMessage(default.clone(max_line_length=_WIDEST_LINE))
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"] = mail.created
    message["Message-ID"] = f"<{mail.id}@{sender.partition('@')[2] or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    text = mail.text
    if mail.unsubscribe is not None:
        link = f"{url}/unsubscribe/{mail.unsubscribe}"
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        text = f"{mail.text} {link}"
    message.set_content(text)
    for calendar in mail.calendars or ():  # none before it was written
        method = "CANCEL" if "METHOD:CANCEL" in calendar else "REQUEST"
        message.add_attachment(calendar, subtype="calendar", filename="vrijloop.ics", params={"method": method})
    return message
