"""Rounds of analytics with a real store and a real platform."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analytics.forecast.tally import Tally
from analytics.policy.policy import MachineTable, parse_offered_hours
from analytics.policy.vetoes import Veto
from analytics.publishing.platform_client import HttpSharingPlatform, MachineCard, PlatformUnavailableError
from sharing_platform.app import PlatformSettings
from tests.analytics.rig import POLICY, RUN, STARTUP, TOKENS, WAIT, Rig, SetClock
from tests.analytics.tables import utc
from tests.platform_databases import create_kept_app, reset_sqlite
from tests.servers import free_port, serving
from vrijloop.server import still_on_a_platform


@pytest.fixture
def rig(tmp_path: Path, learnt_once: None) -> Iterator[Rig]:
    clock = SetClock(utc(2, 12, month=3))  # a Monday at noon
    app = create_kept_app(PlatformSettings(reset_sqlite(), TOKENS, "UTC"), clock.now)
    with serving(app) as url:
        built = Rig(tmp_path, url, clock)
        yield built
        built.close()


def test_the_same_slot_is_never_offered_twice(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    first = rig.cycle()
    offered = rig.offers()
    assert first.put == len(first.slots) == len(offered) > 0
    again = rig.cycle()
    assert (again.put, again.withdrawn) == (0, 0)
    assert rig.offers() == offered


def test_without_a_platform_hours_are_forecast_and_none_are_offered(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.cycle()
    chosen = next(iter(rig.offers()))
    assert rig.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).status_code == 201
    rig.cycle()
    booked, standing = rig.state.bookings(), rig.offers()
    assert booked
    rig.has_platform = False
    left = still_on_a_platform(rig.state, rig.clock.now())
    assert f"{len(standing)} offers and 1 bookings" in left
    assert still_on_a_platform(rig.state, rig.clock.now() + timedelta(days=30)) == ""
    rig.policy = POLICY.model_copy(update={"approval": "ask"})
    result = rig.cycle()
    assert (result.slots, result.put, result.withdrawn, result.platform_error) == ((), 0, 0, None)
    assert max(result.forecast.shares["lathe-2"]) > 0.8
    assert not rig.state.pending
    assert rig.state.approvals() == []
    assert rig.state.bookings() == booked, "what was agreed still holds"
    assert rig.offers() == standing


def test_a_slot_that_is_no_longer_free_is_withdrawn(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.cycle()
    before = rig.offers()
    # The factory changes its policy: from now on nights are not offered.
    rig.policy = POLICY.model_copy(update={"offered": (parse_offered_hours("sat-sun 00:00-24:00"),)})
    result = rig.cycle()
    after = rig.offers()
    assert result.withdrawn > 0
    assert len(after) < len(before)
    assert all(datetime.fromisoformat(start).weekday() >= 5 for _, start, _ in after.values())
    gone = next(iter(set(before) - set(after)))
    assert rig.http.get(f"/api/v1/offers/{gone}").json()["status"] == "not_free", "others are not told why"


def test_a_silent_machine_is_not_offered(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    assert rig.cycle().slots
    rig.clock.moment += timedelta(minutes=16)
    assert rig.cycle().slots == ()
    assert rig.offers() == {}


def test_booked_hours_are_not_spare(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.cycle()
    chosen, (_, start, end) = next(iter(rig.offers().items()))
    done = rig.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP)
    assert done.status_code == 201
    result = rig.cycle()
    assert [one.machine for one in result.bookings] == ["lathe-2"]
    assert not any(s < end and start < e for _, s, e in rig.offers().values())
    assert chosen not in rig.offers()


def test_nothing_is_offered_in_the_first_two_weeks(rig: Rig) -> None:
    rig.two_shifts("lathe-2", weeks=1)
    assert rig.cycle().slots == ()


def test_a_vetoed_machine_is_not_offered(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.two_shifts("mill-1")
    rig.policy = POLICY.model_copy(update={"machine": {"mill-1": MachineTable(offer=False)}})
    assert {slot.machine for slot in rig.cycle().slots} == {"lathe-2"}


def test_promises_are_checked_when_their_time_has_passed(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.cycle()
    slots = sorted((start, end) for _, start, end in rig.offers().values())
    night_start, night_end = (datetime.fromisoformat(text) for text in slots[0])
    # The machine works through the first night, contrary to its pattern; the second is free as usual.
    rig.report("lathe-2", RUN, rig.clock.now(), night_end)
    rig.report("lathe-2", WAIT, night_end, datetime.fromisoformat(slots[1][1]))
    rig.clock.moment = datetime.fromisoformat(slots[1][1])
    result = rig.cycle()
    # Either night had thirteen windows of two hours, nine of four and one of eight.
    assert result.promised == Tally(46, 23)
    assert rig.cycle().target_rate == rig.policy.max_broken_promises, "one of a few nights is no trend yet"
    assert night_start > utc(2, month=3)


def test_an_unavailable_platform_is_in_the_result(rig: Rig) -> None:
    rig.two_shifts("lathe-2")
    rig.platform = HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    result = rig.cycle()
    assert "no answer" in str(result.platform_error)
    assert result.slots, "what should be offered is known all the same"


def test_an_error_about_a_wrong_token_does_not_contain_it(rig: Rig) -> None:
    rig.platform = HttpSharingPlatform(rig.url, "wrong-token")
    with pytest.raises(PlatformUnavailableError, match="401") as refused:
        rig.platform.put_machine("hal-2", MachineCard("m", "M", "", "unknown", None))
    assert "wrong-token" not in str(refused.value)


def test_a_port_without_listener_is_an_unavailable_platform(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(PlatformUnavailableError):
            HttpSharingPlatform(f"http://127.0.0.1:{probe.getsockname()[1]}", "x").bookings("hal-2")


def test_weekly_capacity_is_told_from_what_the_last_round_knew(rig: Rig) -> None:
    rig.policy = POLICY.model_copy(
        update={"offered": (parse_offered_hours("mon-sat 20:00-24:00"),), "horizon": timedelta(days=14)}
    )
    rig.two_shifts("lathe-2")
    analytics = rig.analytics()
    assert analytics.capacity() is None
    analytics.run_cycle()
    saturday = utc(14, 20, month=3)
    analytics.veto(Veto.of("lathe-2", saturday, saturday + timedelta(hours=2), None))
    weeks = analytics.capacity()
    assert weeks is not None
    machine = weeks.machines["lathe-2"]
    assert weeks.mondays[0] == utc(9, month=3).date()
    assert machine.forecast[:2].tolist() == [1, 0]
    assert machine.open_h[:2].tolist() == [22, 24]
    # It works until ten on weekdays, and never on Saturdays.
    assert machine.expected_h[:2].tolist() == pytest.approx([12, 14], abs=1)
