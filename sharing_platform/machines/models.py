"""Tables of machines and of the offers of their hours."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    false,
    inspect,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime
from sharing_platform.machines.prices import TimedPrice, prices_from
from sharing_platform.machines.public_state import NOT_SHOWN, ReportedState, public_state
from sharing_platform.machines.windows import Span, Window, bookable_windows
from sharing_platform.public_version import ShownToAnybody

OPEN, HELD, BOOKED, WITHDRAWN = "open", "held", "booked", "withdrawn"
"""What `Offer.status` can be."""
_IS_PART, _IS_ANONYMOUS = text("parent_id IS NOT NULL"), text("alias IS NOT NULL")
"""Partial indexes: only few offers are parts of another, and the planner would not use an index of all."""


_REPORTED = {"now", "since", "quarter", "quarter_now"}
"""Columns of what a machine's factory reports of its state."""


class Machine(ShownToAnybody, Base):
    """What may be known of a machine on the platform. `details`: a `MachineDetails`, as people wrote it."""

    __tablename__ = "machine"
    __table_args__ = (Index("machine_by_alias", "alias", unique=True),)

    factory: Mapped[str] = mapped_column(String(63), primary_key=True)
    machine: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    process: Mapped[str] = mapped_column(String(100))
    now: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    alias: Mapped[str | None] = mapped_column(String(20))
    """Of an anonymous machine: the name by which others know it."""
    quarter: Mapped[datetime | None] = mapped_column(UtcDateTime)
    quarter_now: Mapped[str] = mapped_column(String(20), default=NOT_SHOWN, server_default=NOT_SHOWN)
    """The state at the beginning of the quarter of an hour in which `now` was reported, which is what others see."""
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it, with its hours, from all but its factory."""

    @hybrid_property
    def subject(self) -> str:
        """What pictures, reports and the audit log call it."""
        return self.factory + "/" + self.machine

    @property
    def reported(self) -> ReportedState:
        return ReportedState(self.now, self.quarter, self.quarter_now)

    def changes_what_is_shown(self) -> bool:
        """Of what is reported in a quarter of an hour, others see nothing before the next one."""
        changed = {one.key: one.history for one in inspect(self).attrs if one.history.has_changes()}
        if changed.keys() - _REPORTED or not all(one.deleted for one in changed.values()) or self.quarter is None:
            return True
        old = {name: getattr(self, name) for name in _REPORTED} | {
            name: history.deleted[0] for name, history in changed.items() if history.deleted
        }
        before = ReportedState(old["now"], old["quarter"], old["quarter_now"])
        return public_state(before, self.quarter) != public_state(self.reported, self.quarter)


class Offer(ShownToAnybody, Base):
    """Hours of a machine that are offered, with the promise that goes with them.

    `offered_start` to `offered_end` is what the factory put, `windows` which hours of it can be booked (`Window.as_row`; empty: all
    of it); `start` to `end` is what of it is free. Where bookings leave more
    than one part free, the others are rows of their own, whose `parent_id` names this one.

    `id` never leaves the platform: the factory knows the offer as `own_id`, everybody else as `public_id`. `alias`: that of its machine, where it is
    anonymous.
    """

    __tablename__ = "offer"
    __table_args__ = (
        Index("offer_by_time", "status", "start", "public_id"),
        Index("offer_by_machine", "factory", "machine", "status", "start"),
        Index("offer_by_factory_and_time", "status", "factory", "start", "public_id"),
        Index("offer_by_own_id", "factory", "own_id", unique=True),
        Index("offer_by_public_id", "public_id", unique=True),
        Index("offer_by_alias", "alias", sqlite_where=_IS_ANONYMOUS, postgresql_where=_IS_ANONYMOUS),
        Index("offer_by_length", "status", "length_s"),
        Index("offer_by_parent", "parent_id", sqlite_where=_IS_PART, postgresql_where=_IS_PART),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    own_id: Mapped[str] = mapped_column(String(64))
    public_id: Mapped[str] = mapped_column(String(64))
    alias: Mapped[str | None] = mapped_column(String(20))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("offer.id"))
    factory: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(63))
    offered_start: Mapped[datetime] = mapped_column(UtcDateTime)
    offered_end: Mapped[datetime] = mapped_column(UtcDateTime)
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    length_s: Mapped[int] = mapped_column(Integer)
    """`end` - `start`, for the search: databases differ in how they subtract times."""
    longest_s: Mapped[int] = mapped_column(Integer)
    """Of the longest booking that is possible."""
    probability: Mapped[float] = mapped_column(Float)
    by_hand: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """People have promised these hours: there is no forecast, and the probability, 0, says nothing."""
    checked: Mapped[int] = mapped_column(Integer)
    broken: Mapped[int] = mapped_column(Integer)
    operator: Mapped[str] = mapped_column(String(20), default="included")
    price_per_hour: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    price_minimum: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    prices: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    """Hours that cost another price than `price_per_hour`."""
    lowest_per_hour: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    """The lowest price of any of its free hours, for the search."""
    visibility: Mapped[str] = mapped_column(String(10), default="public")
    partners: Mapped[list[str]] = mapped_column(JSON, default=list)
    booking: Mapped[str] = mapped_column(String(10), default="instant")
    windows: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    minimum_hours: Mapped[float | None] = mapped_column(Float)
    maximum_hours: Mapped[float | None] = mapped_column(Float)
    buffer_minutes: Mapped[int] = mapped_column(Integer, default=0)
    cancellation_hours: Mapped[int] = mapped_column(Integer, default=24)
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)

    def id_for(self, viewer: str | None) -> str:
        """The id by which an organisation, or anybody, knows the offer."""
        return self.own_id if viewer == self.factory else self.public_id

    def is_hidden_from(self, viewer: str | None) -> bool:
        """Whether they may not know whose it is."""
        return self.alias is not None and viewer != self.factory

    @property
    def timed_prices(self) -> list[TimedPrice]:
        """What of its free hours costs another price."""
        return [one for one in prices_from(self.prices) if one.start < self.end and self.start < one.end]

    def free_windows(self, now: datetime) -> list[Window]:
        """What can be booked from `now` on."""
        return self.windows_inside((max(self.start, now), self.end))

    def windows_inside(self, part: Span) -> list[Window]:
        """What of the windows lies inside a part of the offer and is long enough."""
        whole = Window(self.offered_start, self.offered_end, self.probability)
        return bookable_windows(self.windows, whole, part, self.minimum_hours)


class KeptHours(Base):
    """Hours that a factory keeps for itself, whatever is offered of them: they are not on offer until it releases them."""

    __tablename__ = "kept_hours"
    __table_args__ = (Index("kept_hours_by_machine", "factory", "machine", "end"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    factory: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(63))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
