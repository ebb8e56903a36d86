"""What a listing says depends on its kind: what was said of all kinds alike moves to the fields of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_LONGEST = 4000
_LISTING = sa.table(
    "listing", sa.column("id", sa.String), sa.column("kind", sa.String), sa.column("price_unit", sa.String),
    sa.column("details", sa.JSON),
)  # fmt: skip


def upgrade() -> None:
    _each(lambda listing: _by_kind(listing.kind, listing.price_unit, listing.details or {}))


def downgrade() -> None:
    _each(lambda listing: _alike(listing.details or {}))


def _each(changed: Callable[[Any], dict[str, Any]]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(_LISTING)).all():
        connection.execute(sa.update(_LISTING).where(_LISTING.c.id == row.id).values(details=changed(row)))


def _by_kind(kind: str, price_unit: str, old: dict[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {"certificates": old.get("certificates", []), "place": old.get("place", "")}
    process, skills, languages = old.get("process", ""), old.get("skills", []), old.get("languages", [])
    match kind:
        case "operator":
            processes = [process] if process else []
            return new | {"processes": processes, "skills": skills, "hours_per_week": old.get("hours_per_week")}
        case "equipment":
            use = old.get("use") or "on_the_spot"
            if use == "take_over":
                use = "gift" if price_unit == "free" else "sale"
            return new | {"process": process, "use": use}
        case "know_how":
            return new | {"process": process, "fields": skills, "languages": languages}
        case _:
            schedule = "\n".join(old.get("sessions", []))[:_LONGEST]
            return new | {"process": process, "languages": languages, "schedule": schedule}


def _alike(new: dict[str, Any]) -> dict[str, Any]:
    processes = new.get("processes") or [new.get("process", "")]
    use = new.get("use")
    return {
        "process": processes[0],
        "skills": new.get("skills") or new.get("fields") or [],
        "certificates": new.get("certificates", []),
        "hours_per_week": new.get("hours_per_week"),
        "use": "take_over" if use in ("sale", "gift") else use,
        "languages": new.get("languages", []),
        "sessions": [line[:120] for line in new.get("schedule", "").splitlines() if line.strip()][:50],
        "place": new.get("place", ""),
    }
