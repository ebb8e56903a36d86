"""Which offers and machines somebody may know of."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, and_, cast, literal, select, tuple_
from sqlalchemy.orm import Session

from sharing_platform.machines.index import IndexEntry, MachineIndex
from sharing_platform.machines.models import BOOKED, HELD, OPEN, Machine, Offer
from sharing_platform.machines.offers import taken_down_machines
from sharing_platform.machines.public_state import ReportedState


def is_open(now: datetime, viewer: str | None) -> ColumnElement[bool]:
    """Free hours of it are to come, and this member, or anybody, may know of it."""
    return and_(Offer.status == OPEN, Offer.end > now, visible_condition(viewer))


def machines_of(session: Session, factory: str, now: datetime, viewer: str | None) -> list[tuple[str, str]]:
    """The factory's machines of which hours are free, described or not."""
    offering = select(Offer.factory, Offer.machine).where(Offer.factory == factory, is_open(now, viewer)).distinct()
    return [(row.factory, row.machine) for row in session.execute(offering)]


def visible_condition(viewer: str | None) -> ColumnElement[bool]:
    """`offers.visible_to` as a condition of a query."""
    shown = tuple_(Offer.factory, Offer.machine).not_in(taken_down_machines())
    visible = _visibility(viewer) & shown
    return visible if viewer is None else visible | (Offer.factory == viewer)


def _visibility(viewer: str | None) -> ColumnElement[bool]:
    """To whom another factory shows its offers."""
    if viewer is None:
        return Offer.visibility == "public"
    named = cast(Offer.partners, String).contains(f'"{viewer}"', autoescape=True)
    return Offer.visibility.in_(["public", "members"]) | (Offer.visibility == "partners") & named


class VisibleMachine(NamedTuple):
    """What lists of machines show of one beside its entry. Of a thousand machines, rows are read in a third of the time of objects."""

    factory: str
    machine: str
    alias: str | None
    now: str
    since: datetime | None
    quarter: datetime | None
    quarter_now: str

    @property
    def reported(self) -> ReportedState:
        return ReportedState(self.now, self.quarter, self.quarter_now)


_VISIBLE = [getattr(Machine, name) for name in VisibleMachine._fields]


def visible_machines(
    session: Session, index: MachineIndex, now: datetime, viewer: str | None, factory: str | None = None
) -> list[tuple[VisibleMachine, IndexEntry]]:
    """With what the viewer may know of each, in order of what is shown; those of one factory alone, where it is given."""
    entries = index.entries(session)
    which = (
        machine_visible(now, viewer) if factory is None else machine_visible(now, viewer) & (Machine.factory == factory)
    )
    known = [
        (machine, entries[machine.factory, machine.machine].shown_to(viewer))
        for machine in map(VisibleMachine._make, session.execute(select(*_VISIBLE).where(which)))
        if (machine.factory, machine.machine) in entries
    ]
    return sorted(known, key=lambda one: (one[1].document.title, one[1].key))


def machine_visible(now: datetime, viewer: str | None) -> ColumnElement[bool]:
    """Condition on machines: one's own, and those of whose hours to come some are offered that the viewer may know of, free or not. A machine that
    offers nothing is nobody else's business."""
    # The limit keeps PostgreSQL from reading all offers to join them: it asks the index once for each machine, in a sixth of the time.
    one = (
        select(literal(1))
        .where(
            Offer.factory == Machine.factory,
            Offer.machine == Machine.machine,
            Offer.status.in_((OPEN, HELD, BOOKED)),
            Offer.end > now,
            _visibility(viewer),
        )
        .limit(1)
        .correlate(Machine)
        .scalar_subquery()
    )
    offered = Machine.taken_down.is_(None) & one.is_not(None)
    return offered if viewer is None else (Machine.factory == viewer) | offered


def has_anonymous_machines(session: Session, organisation: str | None) -> bool:
    """Whether an organisation offers machines without its name, and should know before it posts something that its name stands there."""
    query = select(Machine.machine).where(Machine.factory == organisation, Machine.alias.is_not(None))
    return organisation is not None and session.scalars(query.limit(1)).first() is not None
