"""What is offered, when the platform is away, when somebody must be asked, when everything must go, and when a booking is in danger."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from analytics.approvals import Approval, Status, confirmed
from analytics.bookings_at_risk import bookings_at_risk
from analytics.cycle import CycleResult
from analytics.metrics import AnalyticsCollector
from analytics.platform_client import Booking, HttpSharingPlatform, PlatformUnavailableError, Terms
from analytics.policy import MachinePolicy, MachineTable, Planned, Policy, PriceRule
from analytics.prices import price_per_hour
from analytics.publications import Publications
from analytics.publisher_state import PublisherState
from analytics.reconcile import Offer, Slot
from analytics.vetoes import Veto
from stores import LatestState
from telemetry import MachineState, StateInterval
from tests.analytics.publishing import NOW, SLOT, policy
from tests.analytics.tables import utc
from tests.analytics.test_cycle import POLICY, STARTUP, House
from tests.disks import disk_of, fill
from tests.servers import free_port


def test_a_platform_that_was_away_for_a_day_is_caught_up_with(house: House) -> None:
    house.cycle()
    before = house.offers()
    there, house.platform = house.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    # A day passes in which the platform hears nothing, and analytics is started anew. The night was worked through.
    for _ in range(24):
        later = house.clock.moment + timedelta(hours=1)
        house.report("lathe-2", MachineState.EXECUTING, house.clock.moment, later)
        house.clock.moment = later
    away = house.cycle()
    assert away.away is not None
    assert house.offers().keys() <= before.keys(), "what is over falls away by itself"
    house.platform = there
    analytics = house.analytics()
    done = analytics.deliver()
    assert done.put + done.withdrawn > 0
    offered = house.offers()
    assert sorted(offered.values()) == sorted(
        ("lathe-2", *(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (slot.start, slot.end))) for slot in away.slots
    )
    assert len(set(offered.values())) == len(offered), "nothing twice"
    again = analytics.deliver()
    assert (again.put, again.withdrawn) == (0, 0)


def test_what_waited_too_long_is_cut_to_what_can_still_be_kept(house: House) -> None:
    there, house.platform = house.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    slots = house.cycle().slots
    house.platform = there
    house.clock.moment = slots[0].start + timedelta(hours=3)
    house.analytics().deliver()
    starts = [datetime.fromisoformat(start) for _, start, _ in house.offers().values()]
    assert starts
    assert min(starts) >= house.clock.moment - timedelta(minutes=15)


def test_a_promise_counts_even_if_the_process_ended_before_it_was_written_down(house: House) -> None:
    house.cycle()
    offered = house.offers()
    house.publications.close()
    (house.folder / "publications.sqlite").rename(house.folder / "lost.sqlite")
    house.publications = Publications(house.folder / "publications.sqlite")
    house.cycle()
    last = max(datetime.fromisoformat(end) for _, _, end in offered.values())
    assert {one.id for one in house.publications.over(last)} == set(offered)


def test_the_kill_switch_withdraws_all_and_holds(house: House) -> None:
    house.cycle()
    assert house.offers()
    analytics = house.analytics()
    analytics.switch_off(True)
    assert house.offers() == {}
    assert house.cycle().put == 0, "also after a restart"
    assert house.offers() == {}
    house.analytics().switch_off(False)
    house.cycle()
    assert house.offers()


@pytest.mark.servers
def test_the_kill_switch_and_a_veto_work_on_a_full_disk(house: House, tmp_path: Path) -> None:
    with disk_of("5m", tmp_path) as disk:
        house.state = PublisherState(disk / "publisher.sqlite")
        house.publications = Publications(disk / "publications.sqlite")
        house.cycle()
        machine, start, end = next(iter(house.offers().values()))
        fill(disk)
        analytics = house.analytics()
        analytics.veto(Veto.of(machine, datetime.fromisoformat(start), datetime.fromisoformat(end)))
        assert (machine, start, end) not in house.offers().values()
        for _ in range(50):
            analytics.switch_off(True)
            assert house.offers() == {}
            analytics.switch_off(False)
        house.state.close()
        house.publications.close()


def test_a_kill_switch_that_the_platform_does_not_hear_holds_all_the_same(house: House) -> None:
    house.cycle()
    there, house.platform = house.platform, HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    with pytest.raises(PlatformUnavailableError):
        house.analytics().switch_off(True)
    house.platform = there
    house.analytics().deliver()
    assert house.offers() == {}


def test_a_slot_that_must_be_confirmed_is_offered_once_it_is(house: House) -> None:
    house.policy = policy(approval="ask", answer_within=timedelta(hours=4))
    result = house.cycle()
    assert result.slots == ()
    asked = house.state.approvals()
    assert asked
    assert {one.status for one in asked} == {"asked"}
    assert asked[0].answer_by == NOW + timedelta(hours=4)
    assert house.state.answer(asked[0].id, approve=True, now=asked[0].answer_by) is None, "too late"
    house.state.answer(asked[0].id, approve=True, now=NOW)
    house.state.answer(asked[1].id, approve=False, now=NOW)
    assert house.state.answer(asked[1].id, approve=True, now=NOW) is None, "answered is answered"
    house.cycle()
    assert [datetime.fromisoformat(start) for _, start, _ in house.offers().values()] == [asked[0].start]
    house.clock.moment += timedelta(hours=5)
    house.report("lathe-2", MachineState.EXECUTING, NOW, house.clock.moment)
    house.cycle()
    statuses = {one.start: one.status for one in house.state.approvals()}
    assert statuses[asked[2].start] == "expired"
    assert len(house.offers()) == 1
    house.policy = policy(approval="never")
    house.cycle()
    assert house.offers() == {}


def test_an_answer_that_comes_while_a_round_is_thinking_is_not_lost(house: House) -> None:
    house.policy = policy(approval="ask")
    house.cycle()
    before = house.state.approvals()
    house.state.answer(before[0].id, approve=True, now=NOW)
    house.state.set_approvals(before)  # as a round would that had read them before the answer
    assert house.state.approvals()[0].status == "approved"


def test_an_anonymous_machine_is_known_by_another_name_until_it_is_booked(house: House) -> None:
    house.policy = policy(anonymous=True, process="turning", round_to="2h")
    house.cycle()
    offered = house.offers()
    (name,) = {machine for machine, *_ in offered.values()}
    assert "lathe" not in name
    assert all(datetime.fromisoformat(start).hour % 2 == 0 for _, start, _ in offered.values())
    chosen = next(iter(offered))
    assert house.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).status_code == 201
    result = house.cycle()
    assert (result.put, result.withdrawn) == (0, 0), "the same machine under the same name"
    house.cycle()
    assert [one.machine for one in house.state.bookings()] == ["lathe-2"]


def test_planned_hours_are_not_offered(house: House) -> None:
    first = house.cycle().slots[0]
    planned = Planned(machine="lathe-2", start=first.start + timedelta(hours=1), end=first.end)
    house.policy = policy(planned=(planned,))
    assert all(slot.end <= planned.start or planned.end <= slot.start for slot in house.cycle().slots)


def test_between_rounds_only_what_is_new_is_read_and_the_slots_are_the_same_as_from_all(house: House) -> None:
    analytics = house.analytics()
    analytics.run_cycle()
    whole_reads: list[timedelta] = []
    read = house.store.intervals

    def watched(factory: str, start: datetime, end: datetime, machines: object = None) -> object:
        whole_reads.append(end - start)
        return read(factory, start, end, machines)  # type: ignore[arg-type]

    house.store.intervals = watched  # type: ignore[method-assign,assignment]
    for _ in range(6):
        later = house.clock.moment + timedelta(hours=1)
        house.report("lathe-2", MachineState.EXECUTING, house.clock.moment, later)
        house.clock.moment = later
        lately = analytics.run_cycle()
    assert max(whole_reads) < timedelta(days=4)
    anew = house.analytics()
    anew._fitted = analytics._fitted  # the same forecast: what differs is how the past was read
    assert anew.run_cycle().slots == lately.slots
    assert (anew._past, analytics._past) != (None, None)
    assert {name: grid.values.tolist() for name, grid in anew._past.grids.items()} == {  # type: ignore[union-attr]
        name: grid.values.tolist()
        for name, grid in analytics._past.grids.items()  # type: ignore[union-attr]
    }


BOOKING = Booking("b1", "lathe-2", NOW + timedelta(hours=1), NOW + timedelta(hours=5))


@pytest.mark.parametrize(
    ("state", "minutes_to_go", "heard_minutes_ago", "planned", "kinds"),
    [
        (MachineState.NOT_EXECUTING, 60, 0, False, []),
        (MachineState.EXECUTING, 60, 0, False, []),
        (MachineState.EXECUTING, 10, 0, False, ["still_busy"]),
        (MachineState.EXECUTING, -30, 0, False, []),  # the guest is at work
        (MachineState.OUT_OF_SERVICE, 60, 0, False, ["out_of_service"]),
        (MachineState.OUT_OF_SERVICE, -30, 0, False, ["out_of_service"]),
        (MachineState.OUT_OF_SERVICE, 600, 0, False, []),
        (MachineState.NOT_EXECUTING, 60, 20, False, ["not_heard"]),
        (None, 60, 0, False, ["not_heard"]),
        (MachineState.NOT_EXECUTING, 600, 0, True, ["planned_over_booking"]),
        (MachineState.OUT_OF_SERVICE, 60, 0, True, ["planned_over_booking", "out_of_service"]),
        (MachineState.OUT_OF_SERVICE, -600, 0, True, []),  # over
    ],
)
def test_a_booking_in_danger_is_said(
    state: MachineState | None, minutes_to_go: int, heard_minutes_ago: int, planned: bool, kinds: list[str]
) -> None:
    now = BOOKING.start - timedelta(minutes=minutes_to_go)
    heard = now - timedelta(minutes=heard_minutes_ago)
    latest = [LatestState("hal-2", "lathe-2", StateInterval(state, heard - timedelta(hours=1), heard))] if state else []
    plans = [Planned(machine="lathe-2", start=BOOKING.start, end=BOOKING.end, what="maintenance")] if planned else []
    alerts = bookings_at_risk([BOOKING], latest, plans, now, POLICY)
    assert [one.kind for one in alerts] == kinds
    assert all("lathe-2 is booked from 2026-03-02T13:00" in one.sentence for one in alerts)


def test_an_alert_is_raised_once_and_cleared_when_it_is_over(house: House) -> None:
    analytics = house.analytics()
    house.state.set_bookings([BOOKING])
    broken = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.OUT_OF_SERVICE, NOW, NOW))]
    well = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.NOT_EXECUTING, NOW, NOW))]
    assert [one.kind for one in analytics.check_bookings(broken)] == ["out_of_service"]
    assert analytics.check_bookings(broken) == []
    assert house.state.alerts()[0].cleared is None
    assert analytics.check_bookings(well) == []
    assert house.state.alerts()[0].cleared == NOW
    assert [one.kind for one in analytics.check_bookings(broken)] == ["out_of_service"], "again is again"


def test_prometheus_hears_of_what_a_person_must_look_at(house: House) -> None:
    results: list[CycleResult] = []
    registry = CollectorRegistry()
    registry.register(AnalyticsCollector(house.state, lambda: results[-1] if results else None))

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"vrijloop_analytics_{name}")

    assert (value("slots"), value("kill_switch"), value("alerts_open")) == (None, 0, 0)
    house.policy = policy(approval="ask")
    results.append(house.cycle())
    assert value("approvals_waiting") == len(house.state.approvals()) > 0
    house.state.set_bookings([BOOKING])
    house.analytics().check_bookings([])
    assert (value("alerts_open"), value("publishing_stopped"), value("delivery_pending")) == (1, 0, 0)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(utc(5, 16), utc(5, 18), "40.00"), (utc(5, 18), utc(5, 20), "60.00"), (utc(5, 17), utc(5, 19), "50.00")],
)
def test_a_slot_costs_what_its_parts_of_the_day_cost(start: datetime, end: datetime, expected: str) -> None:
    rule = PriceRule.model_validate({"per_hour": 40, "parts": [{"hours": "mon-fri 18:00-24:00", "per_hour": 60}]})
    assert price_per_hour(rule, start, end, "UTC") == Decimal(expected)


_hours = st.integers(0, 60)


@given(
    st.lists(st.tuples(_hours, st.integers(2, 8))),
    st.lists(
        st.tuples(_hours, st.integers(1, 12), st.sampled_from(["asked", "approved", "refused", "expired"]), _hours)
    ),
)
def test_nothing_is_offered_that_was_not_approved(
    free: list[tuple[int, int]], answers: list[tuple[int, int, Status, int]]
) -> None:
    slots = [Slot("m", NOW + timedelta(hours=a), NOW + timedelta(hours=a + n), 0.9, 20, 0) for a, n in free]
    approvals = [
        Approval(
            str(k), "m", NOW + timedelta(hours=a), NOW + timedelta(hours=a + n), 0.9, status, NOW + timedelta(hours=by)
        )
        for k, (a, n, status, by) in enumerate(answers)
    ]
    rules = Policy(machine={"m": MachineTable(approval="ask")})
    offered, held = confirmed(slots, approvals, rules, NOW)
    for slot in offered:
        assert any(one.status == "approved" and one.start <= slot.start and slot.end <= one.end for one in approvals)
    assert {one.id for one in held if one.status == "refused"} == {
        one.id for one in approvals if one.status == "refused" and one.end > NOW
    }
    assert MachinePolicy().approval == "auto"
    assert set(confirmed(slots, approvals, Policy(), NOW)[0]) == set(slots)


def test_the_pages_of_the_platform_do_not_show_what_is_for_members(house: House) -> None:
    house.platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms(visibility="members"))
    page = httpx2.get(f"{house.url}/").text
    assert "offer-1" not in page
