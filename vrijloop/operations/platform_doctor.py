"""Checks the database of a sharing platform. Changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from sharing_platform.database import DatabaseError, inspect_database, newest_revision, revision_in
from sharing_platform.notifications.undelivered import Undelivered, late_mails, late_webhooks
from sharing_platform.organisations.first_people import factories_without_answer
from telemetry import Clock
from vrijloop.operations.doctor import disk
from vrijloop.operations.finding import Finding


def examine_platform(url: str, clock: Clock) -> Iterator[Finding]:
    """Yield each finding. `url`: SQLAlchemy URL. Ends early if the remaining checks are not possible."""
    try:
        with inspect_database(url) as session:
            there, newest = revision_in(session.connection()), newest_revision()
            if there != newest:
                yield Finding(
                    "database",
                    "wrong",
                    f"Its tables are at revision {there or 'none'}; this version needs {newest}.",
                    "vrijloop platform-migrate --database … (after a backup), or start the platform, which migrates them too.",
                )
                return
            yield Finding(
                "database", "ok", f"It answers, and its tables are at the revision of this version ({there})."
            )
            now = clock.now()
            yield _delivered("e-mails", "E-mails", late_mails, session, now, "Check --mail and the mail server.")
            yield _delivered(
                "webhooks", "Webhook messages", late_webhooks, session, now,
                "Each organisation can see and resend its own under Organisation.",
            )  # fmt: skip
            yield from _answered(session)
    except DatabaseError as error:
        yield Finding("database", "wrong", str(error), "Start it, or correct --platform-database.")
        return
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and address.database:
        folder = Path(address.database).resolve().parent
        yield disk(folder, shutil.disk_usage(folder))


def _answered(session: Session) -> Iterator[Finding]:
    """Check that each factory has somebody who can answer requests."""
    alone = factories_without_answer(session)
    for factory in alone:
        yield Finding(
            "people",
            "warning",
            f"Nobody can answer requests to {factory.id}: it has no owner or planner with a confirmed address.",
            f"vrijloop platform-invite {factory.id} EMAIL",
        )
    if not alone:
        yield Finding("people", "ok", "Every factory has somebody who can answer requests.")


def _delivered(
    area: str, what: str, count: Callable[[Session, datetime], Undelivered], session: Session, now: datetime, mend: str
) -> Finding:
    found = count(session, now)
    if not found.late and not found.given_up:
        return Finding(area, "ok", f"{what} are being delivered.")
    why = f" Latest reason: {found.why}." if found.why else ""
    return Finding(
        area,
        "warning",
        f"{what}: {found.late} have been waiting for more than ten minutes, {found.given_up} were given up.{why}",
        mend,
    )
