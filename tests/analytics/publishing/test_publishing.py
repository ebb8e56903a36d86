"""Publishing: an unavailable platform, approvals, the kill switch, anonymous machines, and bookings at risk."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from analytics.api.metrics import AnalyticsCollector
from analytics.cycle import CycleResult
from analytics.forecast.tally import Tally
from analytics.policy.policy import PlannedPeriod, PriceRule
from analytics.policy.prices import TimedPrice, price_per_hour, timed_prices
from analytics.policy.slot import stretches
from analytics.policy.vetoes import Veto
from analytics.publishing.platform_client import Booking, HttpSharingPlatform, PlatformUnavailableError, Terms
from analytics.publishing.publications import BROKEN, KEPT, UNKNOWN, Publications
from analytics.publishing.reconcile import Offer
from analytics.publishing.state import PublisherState
from telemetry import MachineState, rfc3339
from tests.analytics.publishing.samples import NOW, SLOT, policy
from tests.analytics.rig import STARTUP, Rig
from tests.analytics.tables import utc
from tests.disks import disk_of, fill
from tests.servers import free_port


def test_a_platform_unavailable_for_a_day_is_brought_up_to_date(rig: Rig) -> None:
    rig.cycle()
    before = rig.offers()
    there, rig.platform = rig.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    # For a day the platform cannot be reached, and analytics is restarted. The machine works through the night.
    for _ in range(24):
        later = rig.clock.moment + timedelta(hours=1)
        rig.report("lathe-2", MachineState.EXECUTING, rig.clock.moment, later)
        rig.clock.moment = later
    away = rig.cycle()
    assert away.platform_error is not None
    assert rig.offers().keys() <= before.keys(), "what is over falls away by itself"
    rig.platform = there
    analytics = rig.analytics()
    done = analytics.deliver()
    assert done.put + done.withdrawn > 0
    offered = rig.offers()
    assert sorted(offered.values()) == sorted(
        ("lathe-2", *(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (slot.start, slot.end))) for slot in away.slots
    )
    assert len(set(offered.values())) == len(offered), "nothing twice"
    again = analytics.deliver()
    assert (again.put, again.withdrawn) == (0, 0)


def test_delayed_offers_are_cut_to_what_can_still_be_kept(rig: Rig) -> None:
    there, rig.platform = rig.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    slots = rig.cycle().slots
    rig.platform = there
    rig.clock.moment = slots[0].start + timedelta(hours=3)
    rig.analytics().deliver()
    starts = [datetime.fromisoformat(start) for _, start, _ in rig.offers().values()]
    assert starts
    assert min(starts) >= rig.clock.moment - timedelta(minutes=15)


def test_a_promise_counts_even_if_the_process_ended_before_recording_it(rig: Rig) -> None:
    rig.cycle()
    offered = rig.offers()
    rig.publications.close()
    (rig.folder / "publications.sqlite").rename(rig.folder / "lost.sqlite")
    rig.publications = Publications(rig.folder / "publications.sqlite")
    rig.cycle()
    last = max(datetime.fromisoformat(end) for _, _, end in offered.values())
    assert {one.offer for one in rig.publications.due_for_check(last)} == set(offered)


def test_the_kill_switch_withdraws_everything_and_stays_on(rig: Rig) -> None:
    rig.cycle()
    assert rig.offers()
    analytics = rig.analytics()
    analytics.set_kill_switch(True)
    assert rig.offers() == {}
    assert rig.cycle().put == 0, "also after a restart"
    assert rig.offers() == {}
    rig.analytics().set_kill_switch(False)
    rig.cycle()
    assert rig.offers()


@pytest.mark.servers
def test_the_kill_switch_and_a_veto_work_on_a_full_disk(rig: Rig, tmp_path: Path) -> None:
    with disk_of("5m", tmp_path) as disk:
        rig.state = PublisherState(disk / "publisher.sqlite")
        rig.publications = Publications(disk / "publications.sqlite")
        rig.cycle()
        machine, start, end = next(iter(rig.offers().values()))
        fill(disk)
        analytics = rig.analytics()
        analytics.veto(Veto.of(machine, datetime.fromisoformat(start), datetime.fromisoformat(end)))
        assert (machine, start, end) not in rig.offers().values()
        for _ in range(15):
            analytics.set_kill_switch(True)
            assert rig.offers() == {}
            analytics.set_kill_switch(False)
        rig.state.close()
        rig.publications.close()


def test_the_kill_switch_holds_while_the_platform_is_unavailable(rig: Rig) -> None:
    rig.cycle()
    there, rig.platform = rig.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    with pytest.raises(PlatformUnavailableError):
        rig.analytics().set_kill_switch(True)
    rig.platform = there
    rig.analytics().deliver()
    assert rig.offers() == {}


def test_a_slot_that_needs_approval_is_offered_once_approved(rig: Rig) -> None:
    rig.policy = policy(approval="ask", answer_within=timedelta(hours=4))
    result = rig.cycle()
    assert result.slots == ()
    asked = rig.state.approvals()
    assert asked
    assert {one.status for one in asked} == {"asked"}
    assert asked[0].answer_by == NOW + timedelta(hours=4)
    assert rig.state.answer(asked[0].id, approve=True, now=asked[0].answer_by) is None, "too late"
    rig.state.answer(asked[0].id, approve=True, now=NOW)
    rig.state.answer(asked[1].id, approve=False, now=NOW)
    assert rig.state.answer(asked[1].id, approve=True, now=NOW) is None, "answered is answered"
    rig.cycle()
    assert [datetime.fromisoformat(start) for _, start, _ in rig.offers().values()] == [asked[0].start]
    rig.clock.moment += timedelta(hours=5)
    rig.report("lathe-2", MachineState.EXECUTING, NOW, rig.clock.moment)
    rig.cycle()
    statuses = {one.start: one.status for one in rig.state.approvals()}
    assert statuses[asked[2].start] == "expired"
    assert len(rig.offers()) == 1
    rig.policy = policy(approval="never")
    rig.cycle()
    assert rig.offers() == {}


def test_an_answer_given_during_a_round_is_not_lost(rig: Rig) -> None:
    rig.policy = policy(approval="ask")
    rig.cycle()
    before = rig.state.approvals()
    rig.state.answer(before[0].id, approve=True, now=NOW)
    rig.state.set_approvals(before)  # as a round does that has read them before the answer
    assert rig.state.approvals()[0].status == "approved"


def test_an_anonymous_machine_has_another_name_until_it_is_booked(rig: Rig) -> None:
    rig.policy = policy(anonymous=True, process="turning", round_to="2h")
    rig.cycle()
    offered = rig.offers()
    (name,) = {machine for machine, *_ in offered.values()}
    assert "lathe" not in name
    seen = rig.http.get("/api/v1/offers").text
    assert "hal-2" not in seen
    assert "lathe" not in seen
    assert all(datetime.fromisoformat(start).hour % 2 == 0 for _, start, _ in offered.values())
    chosen = next(iter(offered))
    assert rig.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).status_code == 201
    result = rig.cycle()
    assert (result.put, result.withdrawn) == (0, 0), "the same machine under the same name"
    rig.cycle()
    assert [one.machine for one in rig.state.bookings()] == ["lathe-2"]


def test_what_stands_under_an_alias_of_the_servers_own_is_put_anew(rig: Rig) -> None:
    """As a server put it before the platform kept the names of anonymous machines to itself."""
    alias = f"machine-{hmac.new(rig.state.salt(), b'lathe-2', hashlib.sha256).hexdigest()[:10]}"
    other = replace(SLOT, machine=alias, start=SLOT.end + timedelta(hours=4), end=SLOT.end + timedelta(hours=8))
    rig.platform.put_offer("hal-2", Offer("old-1", replace(SLOT, machine=alias)), Terms())
    rig.platform.put_offer("hal-2", Offer("old-2", other), Terms())
    assert rig.http.post("/api/v1/offers/old-1/booking", json={}, headers=STARTUP).status_code == 201
    rig.policy = policy(anonymous=True)
    rig.cycle()
    rig.cycle()
    assert [one.machine for one in rig.state.bookings()] == ["lathe-2"]
    standing = rig.platform.offers("hal-2")
    assert {one.slot.machine for one in standing} == {"lathe-2"}
    assert not any(one.slot.start < SLOT.end and SLOT.start < one.slot.end for one in standing), (
        "booked hours stay booked"
    )


def test_planned_hours_are_not_offered(rig: Rig) -> None:
    first = rig.cycle().slots[0]
    planned = PlannedPeriod(machine="lathe-2", start=first.start + timedelta(hours=1), end=first.end)
    rig.policy = policy(planned=(planned,))
    assert all(slot.end <= planned.start or planned.end <= slot.start for slot in rig.cycle().slots)


def test_reading_only_new_intervals_gives_the_same_slots(rig: Rig) -> None:
    analytics = rig.analytics()
    analytics.run_cycle()
    whole_reads: list[timedelta] = []
    read = rig.store.intervals

    def watched(factory: str, start: datetime, end: datetime, machines: object = None) -> object:
        whole_reads.append(end - start)
        return read(factory, start, end, machines)  # type: ignore[arg-type]

    rig.store.intervals = watched  # type: ignore[method-assign,assignment]
    for _ in range(3):
        later = rig.clock.moment + timedelta(hours=1)
        rig.report("lathe-2", MachineState.EXECUTING, rig.clock.moment, later)
        rig.clock.moment = later
        lately = analytics.run_cycle()
    assert max(whole_reads) < timedelta(days=4)
    restarted = rig.analytics()
    restarted._fitted = analytics._fitted  # the same forecast; only the way of reading history differs
    assert restarted.run_cycle().slots == lately.slots
    assert (restarted._snapshot, analytics._snapshot) != (None, None)
    assert {name: grid.values.tolist() for name, grid in restarted._snapshot.grids.items()} == {  # type: ignore[union-attr]
        name: grid.values.tolist()
        for name, grid in analytics._snapshot.grids.items()  # type: ignore[union-attr]
    }


def test_prometheus_metrics_show_alerts_and_approvals(rig: Rig) -> None:
    results: list[CycleResult] = []
    registry = CollectorRegistry()
    registry.register(AnalyticsCollector(rig.state, lambda: results[-1] if results else None))

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"vrijloop_analytics_{name}")

    assert (value("slots"), value("kill_switch"), value("alerts_open")) == (None, 0, 0)
    rig.policy = policy(approval="ask")
    results.append(rig.cycle())
    assert value("approvals_waiting") == len(rig.state.approvals()) > 0
    rig.state.set_bookings([Booking("b1", "lathe-2", NOW + timedelta(hours=1), NOW + timedelta(hours=5))])
    rig.analytics().check_bookings([])
    assert (value("alerts_open"), value("publishing_stopped"), value("delivery_pending")) == (1, 0, 0)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(utc(5, 16), utc(5, 18), "40.00"), (utc(5, 18), utc(5, 20), "60.00"), (utc(5, 17), utc(5, 19), "50.00")],
)
def test_a_slot_is_priced_by_parts_of_the_day(start: datetime, end: datetime, expected: str) -> None:
    rule = PriceRule.model_validate({"per_hour": 40, "parts": [{"hours": "mon-fri 18:00-24:00", "per_hour": 60}]})
    assert price_per_hour(rule, start, end, "UTC") == Decimal(expected)


def test_which_hours_cost_another_price() -> None:
    """Of the first part that contains them; neighbours of one price are put together."""
    parts = [
        {"hours": "mon-fri 20:00-24:00", "per_hour": 70},
        {"hours": "mon-fri 18:00-24:00", "per_hour": 60},
        {"hours": "sat 00:00-02:00", "per_hour": 70},
        {"hours": "sat 02:00-04:00", "per_hour": 40},
    ]
    rule = PriceRule.model_validate({"per_hour": 40, "parts": parts})
    friday = utc(9)
    assert friday.weekday() == 4
    hours = [friday + timedelta(hours=hour) for hour in (17, 18, 20, 26, 30)]
    found = timed_prices(rule, hours[0], hours[-1], "UTC")
    assert found == (TimedPrice(hours[1], hours[2], Decimal(60)), TimedPrice(hours[2], hours[3], Decimal(70)))
    assert timed_prices(PriceRule(per_hour=Decimal(40)), hours[0], hours[-1], "UTC") == ()
    local = timed_prices(rule, hours[0], hours[1], "Europe/Brussels")
    assert [(one.start, one.end) for one in local] == [(hours[0], hours[1])], "17:00 UTC is 18:00 there, or 19:00"


def test_pages_do_not_show_offers_for_members(rig: Rig) -> None:
    rig.platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms(visibility="members"))
    page = httpx2.get(f"{rig.url}/").text
    assert "offer-1" not in page


def test_what_people_could_have_booked_is_counted_also_beside_an_earlier_versions_record(tmp_path: Path) -> None:
    """A publication counts by its windows of two, four and eight hours; one that an earlier version checked counts as one."""
    path = tmp_path / "publications.sqlite"
    with sqlite3.connect(path) as earlier:
        earlier.execute(
            "CREATE TABLE publication (id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "
            '"end" TEXT NOT NULL, probability REAL NOT NULL, published TEXT NOT NULL, outcome TEXT)'
        )
        row = ("old", "m", rfc3339(NOW), rfc3339(NOW + timedelta(hours=4)), 0.9, rfc3339(NOW), "broken")
        earlier.execute("INSERT INTO publication VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    earlier.close()
    publications = Publications(path)
    assert publications.tally() == Tally(1, 1)
    for name, counted, outcome in (("a", Tally(6, 0), KEPT), ("b", Tally(10, 3), BROKEN), ("c", None, UNKNOWN)):
        publications.record(Offer(name, SLOT), NOW, NOW)
        (publication,) = publications.due_for_check(SLOT.end)
        publications.settle(publication.id, outcome, counted)
    assert publications.tally() == Tally(17, 4)
    assert publications.tally(since=SLOT.start) == Tally(16, 3)
    publications.close()


def test_what_should_be_offered_outlives_a_restart_with_its_windows(tmp_path: Path) -> None:
    windows = [
        replace(SLOT, end=NOW + timedelta(hours=9)),
        replace(SLOT, start=NOW + timedelta(hours=7), probability=0.9),
    ]
    slots = (*stretches(windows), replace(SLOT, machine="mill-1"))
    state = PublisherState(tmp_path / "publisher.sqlite")
    state.set_wanted(slots, NOW)
    state.close()
    state = PublisherState(tmp_path / "publisher.sqlite")
    wanted = state.wanted()
    assert wanted is not None
    assert wanted.slots == slots
    state.close()
