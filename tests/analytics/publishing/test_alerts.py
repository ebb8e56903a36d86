"""Bookings at risk: when an alert is raised, what it says, and when it is cleared."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analytics.i18n import Translator
from analytics.policy.policy import PlannedPeriod
from analytics.publishing.alerts import Alert
from analytics.publishing.bookings_at_risk import bookings_at_risk
from analytics.publishing.platform_client import Booking
from analytics.publishing.state import PublisherState
from stores import LatestState
from telemetry import MachineState, StateInterval, rfc3339
from tests.analytics.publishing.samples import NOW
from tests.analytics.rig import POLICY, Rig

BOOKING = Booking("b1", "lathe-2", NOW + timedelta(hours=1), NOW + timedelta(hours=5))


@pytest.mark.parametrize(
    ("state", "minutes_to_go", "heard_minutes_ago", "planned", "kinds"),
    [
        (MachineState.NOT_EXECUTING, 60, 0, False, []),
        (MachineState.EXECUTING, 60, 0, False, []),
        (MachineState.EXECUTING, 10, 0, False, ["still_busy"]),
        (MachineState.EXECUTING, -30, 0, False, []),  # used by the guest
        (MachineState.OUT_OF_SERVICE, 60, 0, False, ["out_of_service"]),
        (MachineState.OUT_OF_SERVICE, -30, 0, False, ["out_of_service"]),
        (MachineState.OUT_OF_SERVICE, 600, 0, False, []),
        (MachineState.NOT_EXECUTING, 60, 20, False, ["not_heard"]),
        (None, 60, 0, False, ["not_heard"]),
        (MachineState.NOT_EXECUTING, 600, 0, True, ["planned_over_booking"]),
        (MachineState.OUT_OF_SERVICE, 60, 0, True, ["planned_over_booking", "out_of_service"]),
        (MachineState.OUT_OF_SERVICE, -600, 0, True, []),  # ended
    ],
)
def test_a_booking_at_risk_raises_an_alert(
    state: MachineState | None, minutes_to_go: int, heard_minutes_ago: int, planned: bool, kinds: list[str]
) -> None:
    now = BOOKING.start - timedelta(minutes=minutes_to_go)
    heard = now - timedelta(minutes=heard_minutes_ago)
    latest = [LatestState("hal-2", "lathe-2", StateInterval(state, heard - timedelta(hours=1), heard))] if state else []
    plans = (
        [PlannedPeriod(machine="lathe-2", start=BOOKING.start, end=BOOKING.end, what="maintenance")] if planned else []
    )
    alerts = bookings_at_risk([BOOKING], latest, plans, now, POLICY)
    assert [one.kind for one in alerts] == kinds
    assert all("lathe-2 is booked from 2026-03-02T13:00" in one.sentence for one in alerts)
    for language, said in (
        ("nl", "lathe-2 is geboekt van ma 2 mrt, 14:00 tot ma 2 mrt, 18:00"),
        ("fr", "lathe-2 est réservée du lun 2 mars, 14:00"),
        ("en", "from Mon 2 Mar, 14:00"),
    ):
        translator = Translator(language, "Europe/Brussels")
        assert all(said in one.written(translator) for one in alerts)


def test_an_alert_is_raised_once_and_cleared_when_it_no_longer_holds(rig: Rig) -> None:
    analytics = rig.analytics()
    rig.state.set_bookings([BOOKING])
    broken = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.OUT_OF_SERVICE, NOW, NOW))]
    well = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.NOT_EXECUTING, NOW, NOW))]
    assert [one.kind for one in analytics.check_bookings(broken)] == ["out_of_service"]
    assert analytics.check_bookings(broken) == []
    assert rig.state.alerts()[0].cleared is None
    assert analytics.check_bookings(well) == []
    assert rig.state.alerts()[0].cleared == NOW
    assert [one.kind for one in analytics.check_bookings(broken)] == ["out_of_service"], "again is again"


def test_an_alert_says_what_is_so_now(rig: Rig) -> None:
    """While it is open, its booking may change."""

    def alert(end: datetime) -> Alert:
        return Alert("not_heard", "lathe-2", "b1", {"start": BOOKING.start, "end": end})

    dutch, later = Translator("nl", "UTC"), BOOKING.end + timedelta(hours=1)
    assert len(rig.state.update_alerts([alert(BOOKING.end)], NOW)) == 1
    assert rig.state.update_alerts([alert(later)], NOW + timedelta(minutes=1)) == []
    (entry,) = rig.state.alerts()
    assert (entry.raised, entry.alert.values["end"]) == (NOW, later)
    assert f"tot {dutch.moment(later)}" in entry.written(dutch)
    assert rfc3339(later) in entry.sentence


def test_alerts_of_an_earlier_version_are_shown_as_they_were_written(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "publisher.sqlite")
    old.execute(
        "CREATE TABLE alert (key TEXT PRIMARY KEY, kind TEXT NOT NULL, machine TEXT NOT NULL, booking TEXT NOT NULL, sentence TEXT NOT NULL, raised TEXT NOT NULL, cleared TEXT)"
    )
    old.execute(
        "INSERT INTO alert VALUES ('not_heard/lathe-2/b1', 'not_heard', 'lathe-2', 'b1', 'As it was.', ?, NULL)",
        (rfc3339(NOW),),
    )
    old.commit()
    old.close()
    state, dutch = PublisherState(tmp_path / "publisher.sqlite"), Translator("nl", "UTC")
    assert [one.written(dutch) for one in state.alerts()] == ["As it was."]
    state.update_alerts([Alert("not_heard", "lathe-2", "b1", {"start": BOOKING.start, "end": BOOKING.end})], NOW)
    assert "is geboekt van" in state.alerts()[0].written(dutch)
    state.close()
