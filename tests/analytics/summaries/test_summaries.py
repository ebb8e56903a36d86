"""Summaries are updated by reading only what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics.history.timeline import timeline
from analytics.kpis.utilisation import utilisation
from analytics.policy.policy import Policy
from analytics.publishing.publications import KEPT, Publications, SettledPromise
from analytics.publishing.state import PublisherState
from analytics.summaries.plans import promise_points
from analytics.summaries.writer import SummaryWriter
from stores import Point, ReportBatch, StoredReport, StoreRefusedError, StoreUnavailableError
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval, SystemClock
from telemetry.measurements import CLOCK, DAY, HOUR, HOURS_FIELDS, PROMISES, RELIABILITY, TIMELINE
from tests.analytics.tables import utc

NOW = utc(20, 12, month=3)
OFF, RUN, WAIT = MachineState.NOT_AVAILABLE, MachineState.EXECUTING, MachineState.NOT_EXECUTING


class Moving(SystemClock):
    """A clock whose time the test sets."""

    moment = NOW

    def now(self) -> datetime:
        return self.moment


class Held:
    """Points in memory: as in the real store, the last point at a place counts."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, tuple[tuple[str, str], ...], datetime], dict[str, Any]] = {}

    def write_points(self, points: Sequence[Point]) -> None:
        for one in points:
            key = (one.measurement, tuple(sorted(one.tags.items())), one.time)
            self.points.setdefault(key, {}).update(one.fields)

    def point_times(
        self, measurement: str, factory: str, machines: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, list[datetime]]:
        found: dict[str, list[datetime]] = {}
        for name, tags, at in self.points:
            machine = dict(tags).get("machine", "")
            if name == measurement and machine in machines and start <= at < end:
                found.setdefault(machine, []).append(at)
        return found

    def sums(
        self, measurement: str, factory: str, fields: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, dict[str, float]]:
        return {}

    def forget(self, measurements: Sequence[str], factory: str) -> None:
        self.points = {key: own for key, own in self.points.items() if key[0] not in measurements}

    def move(self, measurement: str, factory: str, machine: str, group: str) -> None:
        return

    def close(self) -> None:
        return

    def of(self, measurement: str) -> dict[datetime, Mapping[str, Any]]:
        return {
            at: own
            for (name, _, at), own in sorted(self.points.items(), key=lambda one: one[0][2])
            if name == measurement
        }


class WriterRig:
    def __init__(self, folder: Path) -> None:
        self.clock, self.held = Moving(), Held()
        self.policy = Policy(factory="genk", zone="Europe/Brussels")
        self.store = DuckDBStateStore(folder / "s.duckdb")
        self.state, self.publications = PublisherState(folder / "p.sqlite"), Publications(folder / "q.sqlite")
        self.read: list[datetime] = []
        asked = self.store.intervals

        def intervals(factory: str, start: datetime, *more: Any, **options: Any) -> pd.DataFrame:
            self.read.append(start)
            return asked(factory, start, *more, **options)

        self.store.intervals = intervals  # type: ignore[method-assign]
        self.seq = 0

    def report(self, since: datetime, until: datetime, state: MachineState = OFF) -> None:
        self.seq += 1
        self.store.write(
            ReportBatch.of([StoredReport("genk", "m1", "gw", self.seq, StateInterval(state, since, until))])
        )

    def writer(self) -> SummaryWriter:
        return SummaryWriter(self.store, self.held, self.state, self.publications, self.policy, self.clock)

    def timeline(self) -> list[tuple[str, str]]:
        """Changes alone."""
        shown: list[tuple[str, str]] = []
        for at, own in self.held.of(TIMELINE).items():
            if not shown or shown[-1][1] != own["state"]:
                shown.append((f"{at:%d %H:%M}", own["state"]))
        return shown


@pytest.fixture
def rig(tmp_path: Path) -> WriterRig:
    return WriterRig(tmp_path)


def test_a_long_lasting_state_is_not_read_again_each_minute(rig: WriterRig) -> None:
    since = NOW - timedelta(days=60)
    rig.report(since, NOW)
    writer = rig.writer()
    writer.write_hours()
    for _ in range(3):
        rig.clock.moment += timedelta(minutes=1)
        rig.report(since, rig.clock.moment)
        rig.read.clear()
        writer.write_hours()
    assert rig.read
    assert min(rig.read) >= rig.clock.moment - timedelta(days=4)
    assert rig.held.of(DAY)[max(rig.held.of(DAY))]["off_h"] == pytest.approx(13 + 3 / 60)


def test_silence_becomes_known_once_the_backlog_arrives(rig: WriterRig) -> None:
    since = NOW - timedelta(days=10)
    rig.report(since, NOW)
    writer = rig.writer()
    writer.write_hours()
    rig.clock.moment = NOW + timedelta(days=2)
    writer.write_hours()
    assert rig.timeline()[-1] == ("20 12:00", "unknown")
    # The connection was interrupted, not the machine: the agent stored what it read.
    rig.report(since, rig.clock.moment)
    writer.write_hours()
    assert rig.timeline() == [("09 23:00", "unknown"), ("10 12:00", "not_available")]
    assert all(own["unknown_h"] == pytest.approx(0) for at, own in rig.held.of(DAY).items() if at > since)


def test_a_late_report_cuts_the_earlier_one(rig: WriterRig) -> None:
    rig.report(NOW - timedelta(days=5), NOW)
    writer = rig.writer()
    writer.write_hours()
    rig.report(NOW - timedelta(days=3), NOW - timedelta(days=3) + timedelta(hours=2), RUN)
    rig.clock.moment += timedelta(minutes=1)
    writer.write_hours()
    assert rig.timeline()[-3:] == [("15 12:00", "not_available"), ("17 12:00", "executing"), ("17 14:00", "unknown")]


def test_a_store_failure_in_the_middle_loses_nothing(rig: WriterRig) -> None:
    rig.report(NOW - timedelta(days=5), NOW)
    writer = rig.writer()
    writer.write_hours()
    writer.write_hours()
    since = NOW - timedelta(days=3)
    rig.report(since, NOW - timedelta(days=1), RUN)
    kept = rig.held.write_points

    def away(_: Sequence[Point]) -> None:
        raise StoreUnavailableError("away")

    rig.held.write_points = away  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnavailableError):
        writer.write_hours()
    rig.held.write_points = kept  # type: ignore[method-assign]
    rig.report(since, NOW, RUN)
    writer.write_hours()
    assert rig.timeline()[-1] == ("17 12:00", "executing")
    days = rig.held.of(DAY)
    assert [round(days[at]["apt_h"], 3) for at in sorted(days)[-4:]] == [11, 24, 24, 13]


def test_a_store_that_cannot_delete_is_still_written_to(rig: WriterRig, caplog: pytest.LogCaptureFixture) -> None:
    """InfluxDB 3 has no DELETE."""
    rig.report(NOW - timedelta(days=5), NOW)

    def refuse(*_: object) -> None:
        raise StoreRefusedError("it knows no DELETE")

    rig.held.forget = rig.held.move = refuse  # type: ignore[method-assign, assignment]
    rig.writer().write_hours()
    assert len(rig.held.of(DAY)) == 6
    rig.policy = rig.policy.model_copy(update={"changeover_gap": timedelta(hours=1)})
    rig.writer().write_hours()
    assert caplog.text.count("cannot delete points") == 1


def test_a_restart_continues_and_a_new_machine_is_written_from_its_beginning(rig: WriterRig) -> None:
    rig.report(NOW - timedelta(days=5), NOW)
    rig.writer().write_hours()
    days = len(rig.held.of(DAY))
    rig.seq += 1
    new = StateInterval(RUN, NOW - timedelta(days=9), NOW)
    rig.store.write(ReportBatch.of([StoredReport("genk", "m2", "gw", rig.seq, new)]))
    rig.clock.moment += timedelta(minutes=1)
    rig.writer().write_hours()
    assert len(rig.held.of(DAY)) == days + 4


def test_a_pause_over_midnight_that_a_job_ends_is_delay_on_the_day_before_too(rig: WriterRig) -> None:
    """Also where the pause is of several reports, of which that before midnight no longer changes."""
    midnight, minute = utc(19, 23, month=3), timedelta(minutes=1)
    rig.report(midnight - 120 * minute, midnight - 10 * minute, RUN)
    rig.report(midnight - 10 * minute, midnight + 2 * minute, WAIT)
    rig.clock.moment = midnight + 3 * minute
    writer = rig.writer()
    writer.write_hours()
    day_before = midnight - timedelta(days=1)
    assert rig.held.of(DAY)[day_before]["idle_h"] == pytest.approx(1 / 6)
    rig.report(midnight + 2 * minute, midnight + 5 * minute, OFF)
    rig.report(midnight + 5 * minute, midnight + 10 * minute, RUN)
    rig.clock.moment = midnight + 10 * minute
    writer.write_hours()
    spells = timeline(rig.store.intervals("genk", day_before, rig.clock.moment), day_before, rig.clock.moment)
    expected = utilisation(
        spells,
        rig.policy,
        day_before.date() + timedelta(days=1),
        midnight.date() + timedelta(days=1),
        until=rig.clock.moment,
    )
    assert expected[0].adet_h == pytest.approx(1 / 6)
    days = rig.held.of(DAY)
    assert sorted(days) == [one.start for one in expected]
    for one in expected:
        assert days[one.start] == pytest.approx({name: getattr(one, name) for name in HOURS_FIELDS}), one.period
    assert rig.held.of(CLOCK)[day_before]["free_23"] == pytest.approx(0)
    assert rig.held.of(HOUR)[midnight - 60 * minute] == pytest.approx({"known": 1, "used": 5 / 6, "free": 0})


def test_rules_that_return_after_others_failed_half_way_are_written_anew(rig: WriterRig) -> None:
    rig.report(NOW - timedelta(days=5), NOW)
    before = rig.policy
    rig.writer().write_hours()
    days = rig.held.of(DAY)
    kept = rig.held.write_points

    def away(_: Sequence[Point]) -> None:
        raise StoreUnavailableError("away")

    rig.held.write_points = away  # type: ignore[method-assign, assignment]
    rig.policy = before.model_copy(update={"changeover_gap": timedelta(hours=1)})
    with pytest.raises(StoreUnavailableError):
        rig.writer().write_hours()
    rig.held.write_points = kept  # type: ignore[method-assign]
    rig.policy = before
    rig.writer().write_hours()
    assert rig.held.of(DAY) == days


def test_promises_of_a_machine_that_was_deleted_are_not_shown_again() -> None:
    """How good the factory's promises were, they still tell."""
    settled = [
        SettledPromise(machine, NOW, NOW + timedelta(hours=1), 0.9, KEPT) for machine in ("deleted", "m1", "deleted")
    ]
    points = promise_points(settled, Policy(factory="genk"), ["m1"])
    assert [one.tags["machine"] for one in points if one.measurement == PROMISES] == ["m1"]
    assert [one.fields["checked"] for one in points if one.measurement == RELIABILITY] == [3.0]
