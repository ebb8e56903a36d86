"""Summaries that are brought up to date by what changed are those that come from reading everything, and what is published is made of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.machines.models import Offer
from sharing_platform.machines.region_map import region_map
from sharing_platform.organisations.models import Organisation
from sharing_platform.regional_statistics import service
from sharing_platform.regional_statistics.areas import area_of, areas, municipality_at
from sharing_platform.regional_statistics.disclosure import MOST_OF_UNKNOWN
from sharing_platform.regional_statistics.models import PublishedFigure, SearchCount, SummaryRow
from sharing_platform.regional_statistics.publication import publish_due, publish_week
from sharing_platform.regional_statistics.searches import MOST_OF_VISITOR
from sharing_platform.regional_statistics.summary import Event, Key, Measure, Subject, fold, free_minutes, union
from sharing_platform.search.vocabulary import PROCESSES
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.regional_statistics.seeded import SeededRegion

ZONE = "Europe/Brussels"

keys = st.builds(
    Key, st.just(date(2026, 3, 2)), st.just(Subject.MACHINE), st.sampled_from(list(Measure)), st.sampled_from(["milling", "turning"]),
    st.sampled_from(["Genk", ""]), provider=st.sampled_from(["a", "b"]),
)  # fmt: skip
events = st.lists(st.builds(Event, keys, st.integers(0, 500)), max_size=20)


@given(events, st.randoms(use_true_random=False), st.integers(0, 20))
def test_sums_do_not_depend_on_order_and_portions(told: list[Event], chance: random.Random, cut: int) -> None:
    whole = fold(told)
    chance.shuffle(told)
    first, second = fold(told[:cut]), fold(told[cut:])
    assert Counter(first) + Counter(second) == whole


minutes = st.tuples(st.integers(0, 300), st.integers(0, 60)).map(
    lambda two: (NOON + timedelta(minutes=two[0]), NOON + timedelta(minutes=sum(two)))
)


@given(st.lists(minutes, max_size=6), st.lists(minutes, max_size=6))
def test_free_minutes_are_those_that_are_offered_and_not_taken(
    offered: list[tuple[datetime, datetime]], taken: list[tuple[datetime, datetime]]
) -> None:
    within = (NOON, NOON + timedelta(minutes=200))
    slow = sum(
        any(a <= moment < b for a, b in offered) and not any(a <= moment < b for a, b in taken)
        for moment in (NOON + timedelta(minutes=number) for number in range(200))
    )
    assert free_minutes(offered, taken, within) == slow
    assert union(union(offered)) == union(offered)


def test_every_municipality_is_in_one_area() -> None:
    assert {area_of(one.name) for one in region_map().municipalities} == set(areas())


def summaries(session: Session) -> dict[tuple[object, ...], int]:
    columns = ("week", "source", "subject", "measure", "kind", "municipality", "towards", "provider", "seeker")
    return {tuple(getattr(row, name) for name in columns): row.size for row in session.scalars(select(SummaryRow))}


def summaries_of(session: Session, first: date, weeks: int) -> dict[tuple[object, ...], int]:
    kept = {first + timedelta(days=7 * number) for number in range(weeks)}
    return {key: size for key, size in summaries(session).items() if key[0] in kept}


def test_what_changed_is_enough(platform: Platform) -> None:
    """Offers come, are changed and withdrawn, requests are answered; after each round the summaries are those of everything."""
    chance = random.Random(7)
    made: list[str] = []
    seen: set[object] = set()
    platform.machine(process="milling")
    platform.machine("lathe", process="turning")
    planner = platform.somebody("p@hal.be", "hal-2")
    for number in range(6):
        start, hours = chance.randrange(2, 400), chance.randrange(2, 40)
        name = chance.choice([f"o{number}", *made[-3:]])
        body = {
            "factory": "hal-2",
            "machine": chance.choice(("mill-1", "lathe")),
            "probability": 0.9,
            "checked": 9,
            "broken": 0,
        }
        body |= {"start": (NOON + timedelta(hours=start)).isoformat(), "end": (NOON + timedelta(hours=start + hours)).isoformat()}  # fmt: skip
        body |= {"booking": "on_request", "minimum_hours": 1}
        if platform.hal_2.put(f"/api/v1/offers/{name}", json=body).is_success:
            made.append(name)
        asked = platform.startup.post(f"/api/v1/offers/{chance.choice(made)}/booking", json={})
        if asked.is_success:
            state = {"state": "declined" if "kept" in seen else "accepted"}
            planner.post(f"/api/v1/bookings/{asked.json()['id']}/state", json=state)
        elif number % 2:
            platform.hal_2.delete(f"/api/v1/offers/{chance.choice(made)}")
        service.update(platform.context.sessions, platform.present[0], ZONE)
        with platform.context.sessions.begin() as session:
            known = summaries(session)
            service.rebuild(session, platform.present[0], ZONE)
            assert summaries(session) == known
        seen |= {key[3] for key in known}
        platform.later(chance.choice((5, 40, 90)))
    assert seen >= {"free", "kept"}, "something has happened"


def test_each_week_is_kept_before_the_next_and_who_is_interrupted_begins_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform.context.sessions.begin() as session:
        SeededRegion(session, date(2026, 1, 5), 4).fill(3)
    now, begun, recompute = datetime(2026, 1, 26, 12, tzinfo=UTC), list[date](), service.recompute

    def interrupted(session: Session, week: date, zone: str, sources: Collection[str] | None = None) -> None:
        begun.append(week)
        if len(begun) == 2:
            raise InterruptedError
        recompute(session, week, zone, sources)

    monkeypatch.setattr(service, "recompute", interrupted)
    with pytest.raises(InterruptedError):
        service.update(platform.context.sessions, now, ZONE)
    with platform.context.sessions() as session:
        assert {week for week, *_ in summaries(session)} == {begun[0]}
    service.update(platform.context.sessions, now, ZONE)
    with platform.context.sessions.begin() as session:
        known = summaries(session)
        assert len({week for week, *_ in known}) >= 3
        service.rebuild(session, now, ZONE)
        assert summaries(session) == known


def test_what_another_process_publishes_in_the_meantime_stays(platform: Platform) -> None:
    first, sessions = date(2026, 1, 5), platform.context.sessions
    with sessions.begin() as session:
        SeededRegion(session, first, 6).fill(3)
    platform.present[0] = datetime(2026, 2, 5, tzinfo=UTC)
    service.update(sessions, platform.present[0], ZONE, lambda: True)
    with sessions() as session:
        assert summaries(session) == {}, "the platform stops"
    published: list[dict[tuple[object, ...], int]] = []

    def another_process() -> bool:
        if not published:
            with sessions.begin() as session:
                service.rebuild(session, platform.present[0], ZONE)
            assert publish_all(platform) == 3
            with sessions.begin() as session:
                published.append(summaries_of(session, first, 3))
                for offer in session.scalars(select(Offer)).all():
                    offer.offered_end -= timedelta(hours=2)
        return False

    service.update(sessions, platform.present[0], ZONE, another_process)
    with sessions() as session:
        assert summaries_of(session, first, 3) == published[0]


def test_what_nobody_may_place_counts_for_the_region_alone(platform: Platform) -> None:
    for name in ("named", "hidden", "partly"):
        platform.machine(name, process="milling", anonymous=name == "hidden")
    with platform.context.sessions.begin() as session:
        session.get_one(Organisation, "hal-2").latitude, session.get_one(Organisation, "hal-2").longitude = 50.93, 5.34
    platform.offer("a", 3, 4, machine="named")
    platform.offer("b", 3, 5, machine="hidden", anonymous=True)
    platform.offer("c", 3, 6, machine="partly", visibility="members")
    service.update(platform.context.sessions, platform.present[0], ZONE)
    with platform.context.sessions() as session:
        rows = list(session.scalars(select(SummaryRow)))
    assert sorted((row.municipality, row.size) for row in rows) == [("", 660), ("Hasselt", 240)]


def post_training(planner: httpx2.Client) -> str:
    """In turning, with five places, this afternoon; its id."""
    start, end = ((NOON + timedelta(hours=hours)).isoformat() for hours in (2, 6))
    body = {
        "kind": "training", "title": "Draaien", "places": 5, "start": start, "end": end,
        "details": {"attendance_certificate": True, "sessions": [{"start": start, "end": end}]},
    }  # fmt: skip
    answer = planner.post("/api/v1/listings", json=body)
    assert answer.is_success
    return str(answer.json()["id"])


def test_a_training_counts_by_number_and_so_do_those_who_booked_it(platform: Platform) -> None:
    planner = platform.somebody("els@hal.be", "hal-2")
    listing = post_training(planner)
    for name, answer in (("one", "accepted"), ("two", "accepted"), ("three", "declined")):
        seeker = platform.somebody(f"an@{name}.be", name)
        asked = seeker.post(f"/api/v1/listings/{listing}/booking", json={"places": 1}).json()["id"]
        assert planner.post(f"/api/v1/bookings/{asked}/state", json={"state": answer}).is_success
    service.update(platform.context.sessions, platform.present[0], ZONE)
    with platform.context.sessions() as session:
        rows = list(session.scalars(select(SummaryRow)))
    counted = sorted((row.subject, row.kind, row.measure, row.seeker, row.size) for row in rows)
    assert counted == [
        ("listing", "training", "declined", "three", 1), ("listing", "training", "free", "", 1),
        ("listing", "training", "kept", "one", 1), ("listing", "training", "kept", "two", 1),
    ]  # fmt: skip


def test_searches_that_find_nothing_are_counted_without_who_searched(platform: Platform) -> None:
    for _ in range(3):
        platform.anyone.get("/?process=milling&near=Genk&within_km=20")
    platform.anyone.get("/api/v1/offers?process=turning")
    platform.elsewhere(3).get("/api/v1/offers?process=milling&near=Genk&within_km=20")
    for nameless in ("/", "/search", "/api/v1/offers", "/api/v1/search"):
        platform.anyone.get(nameless, params={"q": "iets heel anders"})
    for colleague in ("els@hal.be", "jan@hal.be"):
        platform.somebody(colleague, "hal-2").get("/?process=bending")
    with platform.context.sessions() as session:
        counted = {(row.kind, row.area): row.count for row in session.scalars(select(SearchCount))}
    assert counted == {("milling", "hasselt_genk"): 2, ("turning", ""): 1, ("bending", ""): 1}, (
        "each visitor once a day, an organisation as one"
    )
    for one in list(region_map().municipalities)[:20]:
        platform.anyone.get("/api/v1/offers", params={"process": "milling", "near": one.near})
    for process in PROCESSES:
        platform.anyone.get("/api/v1/offers", params={"process": process.code})
    with platform.context.sessions() as session:
        rows = list(session.scalars(select(SearchCount)))
    assert {row.area for row in rows if row.kind == "milling"} == {"hasselt_genk"}, "nobody makes a demand alone"
    assert sum(row.count for row in rows) == 4 + MOST_OF_VISITOR - 2


def searches_counted(platform: Platform) -> dict[tuple[str, str], int]:
    with platform.context.sessions() as session:
        return {(row.kind, row.area): row.count for row in session.scalars(select(SearchCount))}


BY_WORDS = [
    ("/?q=frezen", {("milling", ""): 1}),
    ("/?q=draaien+morgen+bij+Genk", {("turning", "hasselt_genk"): 1}),
    ("/?q=5-assig+frezen&view=week", {("milling", ""): 1}),
    ("/parts/offers?q=frezen", {("milling", ""): 1}),
    ("/search?q=fraisage+à+Genk", {("milling", "hasselt_genk"): 1}),
    ("/api/v1/offers?q=freesmachine", {("milling", ""): 1}),
    ("/api/v1/search?q=frezen+en+anodiseren&near=Genk", {("milling", "hasselt_genk"): 1, ("galvanising", "hasselt_genk"): 1}),
    ("/search?process=bending&q=frezen", {("bending", ""): 1}),
    ("/make?q=behuizing+frezen+en+lassen", {("milling", ""): 1, ("welding", ""): 1}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "counted"), BY_WORDS)
def test_searches_by_words_are_counted(platform: Platform, path: str, counted: dict[tuple[str, str], int]) -> None:
    assert platform.anyone.get(path).is_success
    assert searches_counted(platform) == counted


OF_LISTINGS = [
    ("/listings?kind=training", {("training", ""): 1}),
    ("/listings?kind=operator&near=Genk&within_km=10", {("operator", "hasselt_genk"): 1}),
    ("/listings?q=cursus+frezen", {("training", ""): 1}),
    ("/listings?q=frezen", {}),
    ("/listings", {}),
    ("/api/v1/listings?kind=know_how&q=lijmen", {("know_how", ""): 1}),
    ("/api/v1/listings?q=heftruck", {("equipment", ""): 1}),
    ("/search?q=opleiding+draaien", {("training", ""): 1}),
    ("/api/v1/search?q=savoir-faire+soudure", {("know_how", ""): 1}),
    ("/api/v1/search?q=lasser+Genk", {("operator", ""): 1}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "counted"), OF_LISTINGS)
def test_searches_for_listings_are_counted(platform: Platform, path: str, counted: dict[tuple[str, str], int]) -> None:
    for _ in range(2):
        assert platform.anyone.get(path).is_success
    assert searches_counted(platform) == counted


def test_who_finds_a_listing_is_not_counted(platform: Platform) -> None:
    post_training(platform.somebody("els@hal.be", "hal-2"))
    for path in ("/listings?kind=training", "/api/v1/listings?kind=training", "/search?q=cursus+draaien", "/api/v1/search?q=draaien+opleiding", "/search?q=opleiding", "/listings?q=cursus", "/api/v1/listings?q=training&kind=training"):  # fmt: skip
        assert platform.anyone.get(path).is_success
    assert searches_counted(platform) == {}, "they found a course, and looked for no machine"
    assert platform.anyone.get("/listings?kind=training&q=lassen").is_success
    assert searches_counted(platform) == {("training", ""): 1}


def test_searches_for_listings_are_published_among_listings(platform: Platform) -> None:
    """By the same rule as those for machines."""
    week = date(2026, 1, 5)
    with platform.context.sessions.begin() as session:
        for kind, count in (("training", 16), ("operator", 14), ("milling", 21)):
            session.add(SearchCount(week=week, kind=kind, area="", count=count))
        session.flush()
        publish_week(session, week, datetime(2026, 2, 1, tzinfo=UTC), ZONE)
    with platform.context.sessions() as session:
        told = {(one.subject, one.kind, one.measure): one.size for one in session.scalars(select(PublishedFigure))}
    assert told == {("listing", "training", "searched"): 15, ("machine", "milling", "searched"): 20}


def test_one_wish_asked_at_several_doors_counts_once(platform: Platform) -> None:
    for path in ("/search?q=frezen", "/?q=fraisage", "/api/v1/search?q=milling", "/?process=milling", "/api/v1/offers?q=frezen", "/make?q=frezen"):  # fmt: skip
        assert platform.anyone.get(path).is_success
    assert platform.anyone.post("/api/v1/process-plans", json={"words": "frezen"}).is_success
    assert searches_counted(platform) == {("milling", ""): 1}
    assert platform.elsewhere(3).post("/api/v1/process-plans", json={"words": "frezen"}).is_success
    assert searches_counted(platform) == {("milling", ""): 2}


def test_a_visitor_counts_seven_times_in_a_week_of_the_region(platform: Platform) -> None:
    """By its days: Monday begins there while it is still Sunday in UTC."""
    monday = datetime(2026, 3, 8, 23, 30, tzinfo=UTC)
    for moment in (monday, *(monday + timedelta(days=day, hours=12) for day in range(7))):
        platform.present[0] = moment
        assert platform.anyone.get("/api/v1/offers?q=frezen").is_success
    assert searches_counted(platform) == {("milling", ""): MOST_OF_UNKNOWN}
    with platform.context.sessions() as session:
        assert [row.week for row in session.scalars(select(SearchCount))] == [date(2026, 3, 9)]


def test_who_finds_a_machine_is_not_counted(platform: Platform) -> None:
    platform.machine(process="milling", title="Freesbank")
    platform.offer("a", 3, 4)
    found = platform.anyone.get("/api/v1/search?q=frezen+van+titanium").json()["machines"]
    assert (found["count"], found["by_process"]) == (1, "milling"), "not all words, but what they name"
    for path in ("/?q=frezen", "/search?q=frezen", "/api/v1/offers?q=frezen", "/search?q=frezen+van+titanium", "/make?q=frezen"):  # fmt: skip
        assert platform.anyone.get(path).is_success
    assert searches_counted(platform) == {}
    listing = platform.anyone.get("/api/v1/search?q=draaien&limit=0").json()
    assert listing["machines"]["count"] == 0
    assert searches_counted(platform) == {("turning", ""): 1}


def test_a_notice_counts_for_the_process_that_its_words_name(platform: Platform) -> None:
    planner = platform.somebody("els@hal.be", "hal-2")
    for wish in ({"words": "inox frezen"}, {"words": "iets heel anders"}, {"process": "draaien"}):
        wanted = {"title": "Gezocht", "wish": wish, "notify": "none"}
        answer = planner.post("/api/v1/wanted", json=wanted)
        assert answer.is_success, answer.text
    service.update(platform.context.sessions, platform.present[0], ZONE)
    with platform.context.sessions() as session:
        rows = list(session.scalars(select(SummaryRow)))
    assert sorted((row.kind, row.measure, row.size) for row in rows) == [
        ("milling", "unmatched", 1), ("other", "unmatched", 1), ("turning", "unmatched", 1),
    ]  # fmt: skip


def publish_all(platform: Platform) -> int:
    weeks = 0
    while True:
        with platform.context.sessions.begin() as session:
            if not publish_due(session, platform.present[0], ZONE):
                return weeks
            weeks += 1


def test_what_is_published_stays(platform: Platform) -> None:
    first = date(2026, 1, 5)
    with platform.context.sessions.begin() as session:
        SeededRegion(session, first, 25).fill(2)
    platform.present[0] = datetime(2026, 2, 1, tzinfo=UTC)
    with platform.context.sessions.begin() as session:
        service.rebuild(session, platform.present[0], ZONE)
    assert publish_all(platform) == 2

    def figures() -> list[tuple[object, ...]]:
        with platform.context.sessions() as session:
            return sorted((one.week, one.measure, one.kind, one.area, one.municipality, one.size) for one in session.scalars(select(PublishedFigure)))  # fmt: skip

    before = figures()
    assert before
    with platform.context.sessions.begin() as session:
        for offer in session.scalars(select(Offer)).all():
            offer.offered_end -= timedelta(hours=2)
            offer.changed = platform.present[0]
    platform.later(1)
    with platform.context.sessions.begin() as session:
        service.rebuild(session, platform.present[0], ZONE)
    assert publish_all(platform) == 0
    assert figures() == before


@pytest.mark.parametrize(("place", "municipality"), [((50.93, 5.34), "Hasselt"), ((51.22, 4.40), ""), (None, "")])
def test_the_municipality_of_a_place(place: tuple[float, float] | None, municipality: str) -> None:
    assert municipality_at(place) == municipality
