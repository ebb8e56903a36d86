"""The protocol `SharingPlatform` against the real platform, and requests that the factory cancels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from analytics.policy.policy import PlannedPeriod
from analytics.policy.prices import TimedPrice
from analytics.policy.slot import stretches
from analytics.publishing.platform_client import HttpSharingPlatform, OfferTakenError, Terms
from analytics.publishing.reconcile import Offer
from stores import LatestState
from telemetry import MachineState, StateInterval
from tests.analytics.publishing.samples import GUEST, NOW, SECOND, SLOT, TERMS, policy
from tests.analytics.rig import STARTUP, Rig


@pytest.fixture
def platform(rig: Rig) -> HttpSharingPlatform:
    return rig.platform


def test_contract_put_change_withdraw_and_again(platform: HttpSharingPlatform) -> None:
    offer = Offer("offer-1", SLOT)
    for _ in range(2):
        platform.put_offer("hal-2", offer, TERMS)
        assert platform.offers("hal-2") == [offer]
    shorter = Offer("offer-1", replace(SLOT, end=NOW + timedelta(hours=8)))
    platform.put_offer("hal-2", shorter, Terms())
    assert platform.offers("hal-2") == [shorter]
    for _ in range(2):
        platform.withdraw("offer-1")
        assert platform.offers("hal-2") == []
    platform.withdraw("never-there")
    platform.put_offer("hal-2", offer, TERMS)
    assert platform.offers("hal-2") == [offer], "what was withdrawn may be offered again"


def test_contract_a_stretch_keeps_its_windows(platform: HttpSharingPlatform) -> None:
    windows = [
        replace(SLOT, end=NOW + timedelta(hours=9)),
        replace(SLOT, start=NOW + timedelta(hours=7), probability=0.9),
    ]
    (stretch,) = stretches(windows)
    offer = Offer("offer-1", stretch)
    assert len(stretch.windows) == 2
    platform.put_offer("hal-2", offer, Terms(minimum=timedelta(hours=2), maximum=timedelta(hours=3)))
    assert platform.offers("hal-2") == [offer]
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms(minimum=timedelta(hours=2)))
    assert platform.offers("hal-2") == [Offer("offer-1", SLOT)]


def test_contract_hours_can_cost_another_price(rig: Rig) -> None:
    evening = TimedPrice(SLOT.start, SLOT.start + timedelta(hours=1), Decimal(60))
    terms = Terms(price_per_hour=Decimal(40), minimum=timedelta(hours=2), prices=(evening,))
    rig.platform.put_offer("hal-2", Offer("offer-1", SLOT), terms)
    hours = {"start": SLOT.start.isoformat(), "end": (SLOT.start + timedelta(hours=2)).isoformat()}
    answer = rig.http.post("/api/v1/offers/offer-1/booking", json=hours, headers=STARTUP)
    assert answer.json()["price"] == "100.00"


def test_contract_a_booked_offer_can_be_neither_changed_nor_withdrawn(rig: Rig) -> None:
    platform = rig.platform
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    assert rig.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).status_code == 201
    (booking,) = platform.bookings("hal-2")
    assert (booking.machine, booking.start, booking.end) == (SLOT.machine, SLOT.start, SLOT.end)
    with pytest.raises(OfferTakenError):
        platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    with pytest.raises(OfferTakenError):
        platform.put_offer("hal-2", Offer("offer-2", SLOT), Terms())
    with pytest.raises(OfferTakenError):
        platform.withdraw("offer-1")


@pytest.mark.parametrize(
    ("terms", "sees"),
    [
        (Terms(), {None, "hal-2", "genk"}),
        (Terms(visibility="members"), {"hal-2", "genk"}),
        (Terms(visibility="partners", partners=("genk",)), {"hal-2", "genk"}),
        (Terms(visibility="partners", partners=("somebody",)), {"hal-2"}),
    ],
)
def test_contract_who_may_see_an_offer(rig: Rig, terms: Terms, sees: set[str | None]) -> None:
    rig.platform.put_offer("hal-2", Offer("offer-1", SLOT), terms)
    tokens = {None: None, "hal-2": "secret", "genk": SECOND}
    for who, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        listed = rig.http.get("/api/v1/offers", headers=headers).json()["offers"]
        one = rig.http.get("/api/v1/offers/offer-1", headers=headers).status_code
        assert ([offer["id"] for offer in listed], one) == ((["offer-1"], 200) if who in sees else ([], 404))
        if who is None:
            page = rig.http.get("/offers/offer-1").status_code
            assert (page == 200) == (who in sees)
            if who not in sees:
                assert rig.http.post("/api/v1/offers/offer-1/booking", json={"guest": GUEST}).status_code == 404


def test_contract_a_waiting_request_is_cancelled(rig: Rig) -> None:
    platform = rig.platform
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms(booking="on_request"))
    assert rig.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).json()["state"] == "held"
    (held,) = platform.bookings("hal-2")
    assert held.held
    assert platform.offers("hal-2") == []
    platform.cancel_request(held.id)
    platform.cancel_request(held.id)
    platform.cancel_request("00000000-0000-4000-8000-000000000000")
    assert platform.bookings("hal-2") == []
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    firm = rig.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).json()
    platform.cancel_request(firm["id"])
    assert [one.id for one in platform.bookings("hal-2")] == [firm["id"]], "what is agreed is not taken back"


def test_contract_a_booked_part_is_cut_and_the_rest_stays_offered(rig: Rig) -> None:
    """After the platform has cut an offer, the factory's analytics takes that over and withdraws nothing that is
    booked."""
    rig.policy = policy(booking="on_request", minimum_slot=timedelta(hours=2), maximum_slot=timedelta(hours=12))
    rig.cycle()
    name, (_, start, end) = max(rig.offers().items(), key=lambda one: one[1][2])
    begin = datetime.fromisoformat(start)
    assert datetime.fromisoformat(end) - begin >= timedelta(hours=6)
    part = {"start": (begin + timedelta(hours=2)).isoformat(), "end": (begin + timedelta(hours=4)).isoformat()}
    booked = rig.http.post(f"/api/v1/offers/{name}/booking", json=part, headers=STARTUP).json()
    assert booked["state"] == "held"
    left = rig.offers()
    assert (start, part["start"].replace("+00:00", "Z")) in [(a, b) for _, a, b in left.values()]
    for _ in range(2):
        rig.cycle()
        for _, a, b in rig.offers().values():
            assert b <= booked["start"] or a >= booked["end"], "held hours are not offered again"
    assert [one.held for one in rig.state.bookings()] == [True]


@pytest.mark.parametrize("how", ["kill switch", "out of service", "planned"])
def test_a_request_is_cancelled_when_the_machine_is_needed(rig: Rig, how: str) -> None:
    rig.policy = policy(approval="auto", booking="on_request")
    rig.cycle()
    chosen = min(rig.offers(), key=lambda one: rig.offers()[one][1])
    made = rig.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).json()
    analytics = rig.analytics()
    rig.cycle()
    well = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.NOT_EXECUTING, NOW, rig.clock.now()))]
    analytics.check_bookings(well)
    read = f"/api/v1/bookings/{made['id']}"
    assert rig.http.get(read, headers=STARTUP).json()["state"] == "held"
    if how == "kill switch":
        analytics.set_kill_switch(True)
    else:
        rig.clock.moment = datetime.fromisoformat(made["start"]) - timedelta(hours=1)
        now = rig.clock.now()
        broken = MachineState.OUT_OF_SERVICE if how == "out of service" else MachineState.NOT_EXECUTING
        if how == "planned":
            planned = PlannedPeriod(machine="lathe-2", start=made["start"], end=made["end"], what="order")
            analytics.planned = replace(analytics.planned, entries=(planned,))
        analytics.check_bookings([LatestState("hal-2", "lathe-2", StateInterval(broken, NOW, now))])
    assert rig.http.get(read, headers=STARTUP).json()["state"] == "withdrawn"
    assert rig.state.alerts() == [], "no person has to act"
