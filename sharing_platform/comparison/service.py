"""Taking part, contributing, leaving, and what somebody who takes part sees. Each function that changes something is one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.comparison.models import ComparisonContribution, ComparisonParticipant, ComparisonSpent
from sharing_platform.comparison.quartiles import Contribution, Quartiles, quartiles, strays
from sharing_platform.comparison.schemas import (
    ComparedClass,
    ComparedFigure,
    ComparisonFigures,
    ComparisonOut,
    ContributionIn,
    ContributionOut,
    QuartilesOut,
    SpentMonthOut,
)
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.events import OrganisationRefused
from sharing_platform.organisations.permissions import Actor

FIGURES = tuple(ComparisonFigures.model_fields)
A_YEAR = 4
"""Months of a process class that are taken in a calendar year; decision 76."""
COMPARED = timedelta(days=366)
"""Months that began longer ago are neither compared nor kept."""


def contribute(context: PlatformContext, actor: Actor, given: ContributionIn) -> None:
    """The same figures again change nothing. Raises ConflictError where the organisation does not take part, other figures of that month are there, or enough of the year;
    InvalidError for a month that is not over, or too long ago."""
    now = context.now()
    if _next_month(given.month) > now.date() or given.month < _earliest(now):
        raise InvalidError("comparison_month", "month")
    with context.sessions.begin() as session:
        participant = session.get(ComparisonParticipant, actor.organisation, with_for_update=True)
        if participant is None or not participant.takes_part:
            raise ConflictError("comparison_left")
        figures = given.figures.model_dump()
        known = session.get(ComparisonContribution, (actor.organisation, given.process_class, given.month))
        if known is not None:
            if known.figures != figures:
                raise ConflictError("comparison_sent")
            return
        _count_month(session, actor.organisation, given.process_class, given.month)
        session.add(
            ComparisonContribution(
                organisation=actor.organisation,
                process_class=given.process_class,
                month=given.month,
                figures=figures,
                received=now,
            )
        )
        for table in (ComparisonContribution, ComparisonSpent):
            session.execute(delete(table).where(table.month < _earliest(now)))
        log(session, now, actor, "comparison.contributed", actor.organisation, month=given.month, process_class=given.process_class)  # fmt: skip


def _count_month(session: Session, organisation: str, process_class: int, month: str) -> None:
    """A month counts once, whatever was deleted since. Raises ConflictError where enough of its year have come."""
    if session.get(ComparisonSpent, (organisation, process_class, month)) is not None:
        return
    of_year = select(func.count()).where(
        ComparisonSpent.organisation == organisation,
        ComparisonSpent.process_class == process_class,
        ComparisonSpent.month.startswith(month[:4]),
    )
    if (session.scalar(of_year) or 0) >= A_YEAR:
        raise ConflictError("comparison_enough")
    session.add(ComparisonSpent(organisation=organisation, process_class=process_class, month=month))


def set_participation(context: PlatformContext, actor: Actor, takes_part: bool) -> None:
    """Take part, or leave: all contributions are then deleted, and the next page of anybody else is without them."""
    try:
        _set_participation(context, actor, takes_part)
    except IntegrityError:
        _set_participation(context, actor, takes_part)  # somebody else of the organisation joined at the same moment


def _set_participation(context: PlatformContext, actor: Actor, takes_part: bool) -> None:
    now = context.now()
    with context.sessions.begin() as session:
        participant = session.get(ComparisonParticipant, actor.organisation, with_for_update=True)
        if participant is None:
            if not takes_part:
                return
            session.add(ComparisonParticipant(organisation=actor.organisation, takes_part=True, changed=now))
        elif participant.takes_part == takes_part:
            return
        else:
            participant.takes_part, participant.changed = takes_part, now
        if not takes_part:
            _forget(session, actor.organisation)
        log(session, now, actor, "comparison.joined" if takes_part else "comparison.left", actor.organisation)


def forget_refused(event: OrganisationRefused) -> None:
    """Whom the region refuses is no longer compared."""
    event.session.execute(
        delete(ComparisonParticipant).where(ComparisonParticipant.organisation == event.organisation.id)
    )
    _forget(event.session, event.organisation.id)


def comparison_of(session: Session, organisation: str, now: datetime) -> ComparisonOut:
    """What the organisation has contributed and, if it takes part, the quartiles of the classes in which it has."""
    participant = session.get(ComparisonParticipant, organisation)
    own = _contributions(session, now, organisation)
    takes_part = participant is not None and participant.takes_part
    classes = sorted({one.process_class for one in own}) if takes_part else []
    return ComparisonOut(
        takes_part=takes_part,
        left=participant is not None and not participant.takes_part,
        contributions=[
            ContributionOut(
                month=one.month, process_class=one.process_class, figures=ComparisonFigures.model_validate(one.figures)
            )
            for one in own
        ],
        spent=[
            SpentMonthOut(month=one.month, process_class=one.process_class)
            for one in _months_spent(session, organisation)
        ],
        classes=[_class(session, organisation, process_class, now) for process_class in classes],
    )


def _class(session: Session, organisation: str, process_class: int, now: datetime) -> ComparedClass:
    contributions = _contributions(session, now, process_class=process_class)
    own = [one for one in contributions if one.organisation == organisation]
    return ComparedClass(
        process_class=process_class,
        months=[one.month for one in own],
        figures=[
            ComparedFigure(
                name=name,
                own=min(100, max(0, round(mine.mean))) if (mine := means.get(organisation)) is not None else None,
                strays=strays(mine.months) if mine is not None else None,
                quartiles=_quartiles_out(quartiles(list(means.values()))),
            )
            for name in FIGURES
            for means in (_means(contributions, name),)
        ],
    )


def _means(contributions: Iterable[ComparisonContribution], name: str) -> dict[str, Contribution]:
    """Of each organisation that has contributed this figure."""
    values: defaultdict[str, list[int]] = defaultdict(list)
    for one in contributions:
        value = one.figures.get(name)
        if value is not None:
            values[one.organisation].append(value)
    return {whose: Contribution(sum(given) / len(given), len(given)) for whose, given in values.items()}


def _quartiles_out(found: Quartiles | None) -> QuartilesOut | None:
    if found is None:
        return None
    return QuartilesOut(lower=found.lower, median=found.median, upper=found.upper, within=found.within)


def _contributions(
    session: Session, now: datetime, organisation: str | None = None, process_class: int | None = None
) -> list[ComparisonContribution]:
    query = select(ComparisonContribution).where(ComparisonContribution.month >= _earliest(now))
    if organisation is not None:
        query = query.where(ComparisonContribution.organisation == organisation)
    if process_class is not None:
        query = query.where(ComparisonContribution.process_class == process_class)
    return list(session.scalars(query.order_by(ComparisonContribution.month, ComparisonContribution.process_class)))


def _months_spent(session: Session, organisation: str) -> list[ComparisonSpent]:
    query = select(ComparisonSpent).where(ComparisonSpent.organisation == organisation)
    return list(session.scalars(query.order_by(ComparisonSpent.month, ComparisonSpent.process_class)))


def _forget(session: Session, organisation: str) -> None:
    session.execute(delete(ComparisonContribution).where(ComparisonContribution.organisation == organisation))


def _earliest(now: datetime) -> str:
    return f"{now - COMPARED:%Y-%m}"


def _next_month(month: str) -> date:
    return (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1)
