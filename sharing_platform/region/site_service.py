"""The region's pages: what stands in them, publishing another version, and telling people of it."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import LANGUAGES, Translator
from sharing_platform.moderation.handlers import REPORTERS_KEPT
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.notifications.webhooks import KEPT
from sharing_platform.organisations.accounts import SESSION_LIFE, SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.devices import DEVICE_LIFE
from sharing_platform.organisations.invitations import INVITATION_LIFE
from sharing_platform.organisations.mailed_links import LINK_LIFE, LINKS_KEPT
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor, Kind
from sharing_platform.region.schemas import SitePageIn
from sharing_platform.site_pages import versions
from sharing_platform.site_pages.models import PageVersion
from sharing_platform.site_pages.versions import BINDING, PAGES


def facts(session: Session, context: PlatformContext, t: Translator) -> dict[str, object]:
    """What stands for `{name}` in the pages: the region's own particulars, and how long things are kept, as the code does it."""
    own = session.scalars(
        select(Organisation).where(Organisation.kind == Kind.REGION).order_by(Organisation.created)
    ).first()
    address = " ".join(own.address.split()) if own is not None else ""
    return {
        "region": own.name if own is not None else t("the_region"),
        "address": address or t("address_gap"),
        "session_days": SESSION_LIFE.days,
        "device_days": DEVICE_LIFE.days,
        "link_hours": round(LINK_LIFE.total_seconds() / 3600),
        "link_forget_days": LINKS_KEPT.days,
        "invitation_days": INVITATION_LIFE.days,
        "mail_days": KEPT.days,
        "attachment_days": context.attachment_days,
        "report_days": REPORTERS_KEPT.days,
    }


def publish(context: PlatformContext, actor: Actor, name: str, wanted: SitePageIn) -> PageVersion:
    """Another version of a page. Where it is announced, everybody with an account gets an e-mail. Raises NotFoundError for a page that there is not."""
    if name not in PAGES:
        raise NotFoundError
    now = context.now()
    effective = now
    if wanted.effective is not None:
        effective = max(now, datetime.combine(wanted.effective, time(0), ZoneInfo(context.zone)))
    announced = wanted.announce and name in BINDING
    texts = {language: getattr(wanted, language) for language in LANGUAGES}
    with context.sessions.begin() as session:
        made = versions.add(session, name, texts, effective, announced, actor.account, now)
        log(session, now, actor, "page.published", name, number=made.number)
        if announced:
            _announce(session, context, made, now)
    context.wake_workers()
    return made


def accept_terms(context: PlatformContext, person: SignedIn, number: int) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        versions.accept_terms(session, person.account.id, number, context.now())
        log(session, context.now(), person.actor(), "account.terms", person.account.id, number=number)


def _announce(session: Session, context: PlatformContext, made: PageVersion, now: datetime) -> None:
    everybody = select(Account).where(Account.confirmed.is_not(None), Account.erased.is_(None)).order_by(Account.id)
    for account in session.scalars(everybody):
        t = Translator(account.language, context.zone)
        values: dict[str, Any] = {"page": t(f"page_{made.name}"), "day": t.day(made.effective)}
        values["link"] = f"{context.url}/{made.name}?version={made.number}"
        queue_mail(session, account, "page_changed", context.zone, now, (), **values)
