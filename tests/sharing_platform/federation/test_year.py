"""A region with its factories and three neighbouring regions, week by week: a year of sixty in `make campaign`, two weeks of eight in the suite."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx2
import pytest
from sqlalchemy import select

from sharing_platform.bookings.lifecycle import LIVE
from sharing_platform.bookings.models import Booking
from sharing_platform.federation.models import Neighbour
from sharing_platform.machines.models import Offer
from sharing_platform.machines.visibility import is_open
from sharing_platform.organisations.permissions import Kind
from sharing_platform.regional_statistics import service as summaries
from sharing_platform.regional_statistics.models import SummaryRow
from tests.sharing_platform.federation.regions import Region, Regions, regions_over
from tests.sharing_platform.regional_statistics.seeded import SeededRegion

ZONE = "Europe/Brussels"
FACTORIES, WEEKS = (60, 53) if os.environ.get("VRIJLOOP_REGION_YEAR") else (8, 2)
"""The region of `make campaign`, and of the suite."""
FIRST = date(2026, 3, 9)


@pytest.fixture
def province() -> Iterator[Regions]:
    """Limburg in the middle, whose neighbours know nothing of each other."""
    with regions_over("Limburg", "Luik", "Antwerpen", "Vlaams-Brabant") as regions:
        limburg, *others = regions.all
        for one in others:
            limburg.agree(one)
            one.agree(limburg)
        yield regions


@pytest.mark.long
def test_a_region_and_its_neighbours_for_a_year(province: Regions) -> None:
    limburg, *others = province.all
    chance = random.Random(3)
    with limburg.platform.context.sessions.begin() as session:
        seeded = SeededRegion(session, FIRST, FACTORIES)
    for number in range(WEEKS):
        monday = FIRST + timedelta(days=7 * number)
        _go_to(province, datetime.combine(monday, time(6), ZoneInfo(ZONE)))
        with limburg.platform.context.sessions.begin() as session:
            seeded._session = session
            seeded.fill_week(monday)
        province.talk()
        _everybody_sees_what_is_free(limburg, others)
        for one in others:
            # Whoever was away for a week signs in again.
            _ask(one, one.platform.somebody("an@startup.be", "startup"), chance)
        province.talk()
        for booking in _waiting(limburg):
            email = f"p@{booking.provider}.be"
            planner = limburg.platform.somebody(email, booking.provider, kind=Kind.FACTORY)
            state = chance.choice(("accepted", "accepted", "declined"))
            answer = planner.post(f"/api/v1/bookings/{booking.id}/state", json={"state": state})
            assert answer.status_code == 200, answer.text
        province.talk()
    _nothing_is_booked_twice(limburg)
    asked = [(one, row) for one in others for row in one.forwarded()]
    assert len(asked) >= WEEKS
    assert {row.state for _, row in asked} <= {"accepted", "in_use", "completed", "declined", "refused", "expired"}
    for one in others:
        lost = [
            mail for mail in one.platform.mails_to("an@startup.be") if "/neighbours/requests/" in mail.get_content()
        ]
        assert len(lost) == len({str(mail.get_content()).split("/neighbours/requests/")[1][:36] for mail in lost})
    _figures_count_them(limburg)


def _go_to(regions: Regions, moment: datetime) -> None:
    for one in regions.all:
        one.platform.present[0] = moment
        one.platform.tick()


def _everybody_sees_what_is_free(limburg: Region, others: list[Region]) -> None:
    with limburg.platform.context.sessions() as session:
        free = set(session.scalars(select(Offer.public_id).where(is_open(limburg.platform.present[0], None))))
    for one in others:
        shared = {item.id for item in one.items() if item.kind == "offer"}
        # Those whose end passed since they talked are gone the next time.
        assert free <= shared
        assert len(shared - free) <= 3


def _ask(one: Region, seeker: httpx2.Client, chance: random.Random) -> None:
    items = [item for item in one.items() if item.kind == "offer"]
    if not items:
        return
    item = chance.choice(items)
    window = item.content["windows"][0]
    start = max(datetime.fromisoformat(window["start"]), one.platform.present[0] + timedelta(hours=1))
    form = {"start": start.isoformat(), "end": window["end"]}
    answer = seeker.post(f"/neighbours/{item.neighbour_id}/offer/{item.id}", data=form)
    assert answer.status_code in (303, 404, 422), answer.text


def _waiting(limburg: Region) -> list[Booking]:
    with limburg.platform.context.sessions() as session:
        return list(session.scalars(select(Booking).where(Booking.state == "held")))


def _nothing_is_booked_twice(limburg: Region) -> None:
    """Of what the platform itself has booked; the seeded bookings are written beside it."""
    with limburg.platform.context.sessions() as session:
        live = list(session.scalars(select(Booking).where(Booking.state.in_(LIVE), Booking.resource.is_not(None))))
    live.sort(key=lambda one: (one.resource or "", one.start))
    assert live
    for before, after in pairwise(live):
        assert before.resource != after.resource or before.free_again <= after.start


def _figures_count_them(limburg: Region) -> None:
    """A neighbouring region is one seeker among others."""
    context = limburg.platform.context
    summaries.update(context.sessions, context.now(), ZONE)
    with context.sessions() as session:
        regions = set(session.scalars(select(Neighbour.organisation_id)))
        assert regions & set(session.scalars(select(SummaryRow.seeker)))
