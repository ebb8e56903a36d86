"""Every committed change of what pages show to anybody is counted, and no writer waits for another to count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.organisations.models import Organisation, RateWindow
from sharing_platform.pictures.models import Picture
from sharing_platform.public_version import PublicVersion, public_version
from tests.sharing_platform.conftest import NOON, Platform

ROW: dict[str, Any] = {"factory": "hal-2", "machine": "saw-1", "title": "Zaag", "process": "sawing", "now": "not_shown"}


def version_of(platform: Platform) -> int:
    with read_session(platform.context.sessions) as session:
        return public_version(session)


def _machine(session: Session) -> Machine:
    return session.get_one(Machine, ("hal-2", "mill-1"))


def _set(what: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(what, name, value)


def _two_at_a_time(session: Session) -> None:
    session.add(Machine(**ROW))
    session.flush()
    _machine(session).title = "Boor"


def _in_a_savepoint(session: Session) -> None:
    with session.begin_nested():
        _machine(session).title = "Boor"
        session.flush()
    session.add(Machine(**ROW))


def _beside_what_is_undone(session: Session) -> None:
    _machine(session).title = "Boor"
    with session.begin_nested() as undone:
        session.add(Machine(**ROW))
        session.flush()
        undone.rollback()


CHANGES: dict[str, tuple[int, Callable[[Session], object]]] = {
    "a new row": (1, lambda session: session.add(Machine(**ROW))),
    "a changed row": (1, lambda session: _set(_machine(session), title="Boor")),
    "a row less": (1, lambda session: session.delete(_machine(session))),
    "rows changed unread": (1, lambda session: session.execute(update(Offer).values(probability=0.5))),
    "rows deleted unread": (1, lambda session: session.execute(delete(Picture).where(Picture.id == "x"))),
    "rows inserted unread": (1, lambda session: session.execute(insert(Machine), [ROW])),
    "an organisation": (1, lambda session: _set(session.get_one(Organisation, "hal-2"), name="Hal Twee")),
    "two at a time": (1, _two_at_a_time),
    "a part that could have been undone": (1, _in_a_savepoint),
    "a change beside what is undone": (1, _beside_what_is_undone),
    "the same as before": (0, lambda session: _set(_machine(session), title="Freesbank DMU 50")),
    "what nobody is shown": (0, lambda session: session.add(RateWindow(key="x", began=NOON, count=1))),
    "nothing": (0, lambda session: session.scalars(select(Offer)).all()),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_committed_is_counted_once(platform: Platform, change: str) -> None:
    grown, make = CHANGES[change]
    platform.machine()
    platform.offer()
    before = version_of(platform)
    with platform.context.sessions.begin() as session:
        make(session)
        session.flush()
        assert version_of(platform) == before
    assert version_of(platform) == before + grown


def test_what_is_rolled_back_is_not_counted(platform: Platform) -> None:
    platform.machine()
    before = version_of(platform)
    with platform.context.sessions() as session:
        _machine(session).title = "Boor"
        session.flush()
        session.rollback()
        session.commit()
    assert version_of(platform) == before


@pytest.mark.parametrize("platform", ["postgresql"], indirect=True)
def test_a_writer_that_hangs_holds_nobody_up(platform: Platform) -> None:
    """One that stopped between counting and the end of its transaction."""
    platform.machine()
    sessions = platform.context.sessions
    before = version_of(platform)
    with sessions() as hanging:
        hanging.execute(update(PublicVersion).values(version=PublicVersion.version + 1))
        for number in range(3):
            with sessions.begin() as session:
                session.execute(text("SET LOCAL lock_timeout = '1s'"))
                _machine(session).title = f"Boor {number}"
            assert version_of(platform) == before + number + 1
        hanging.commit()
    assert version_of(platform) == before + 4
    with sessions() as session:
        assert len(session.scalars(select(PublicVersion)).all()) == 2, "who counts next uses the row again"


@pytest.mark.parametrize(
    ("state", "minutes", "grown"),
    [
        ("in_use", 1, 0), ("standing_still", 1, 0), ("standing_still", 16, 0), ("in_use", 31, 0), ("not_shown", 1, 1), ("not_shown", 16, 1),
    ],
)  # fmt: skip
def test_of_reported_states_those_are_counted_that_others_see_at_once(
    platform: Platform, state: str, minutes: int, grown: int
) -> None:
    platform.machine(now="in_use")
    before = version_of(platform)
    platform.present[0] += timedelta(minutes=minutes)
    platform.machine(now=state)
    assert version_of(platform) == before + grown
    platform.machine(now=state, title="Boor")
    assert version_of(platform) == before + grown + 1
