"""Two platforms: what one shares is found at the other, asked for there and answered at home."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import func, select

from sharing_platform.bookings.models import Booking
from sharing_platform.federation import neighbours
from sharing_platform.federation.models import NeighbourItem
from sharing_platform.federation.transport import AwayError, HttpAnswer, HttpRequest
from sharing_platform.organisations.permissions import Kind
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.federation.regions import ADMINISTRATOR, TOMORROW, Regions
from vrijloop.neighbours import ask_neighbour


def seeker_of(platform: Platform) -> httpx2.Client:
    return platform.somebody("bo@startup.be", "startup")


def state_at(regions: Regions) -> str:
    """Of the only request, where it was asked."""
    (one,) = regions.all[1].forwarded()
    return one.state


def test_a_search_looks_in_neighbouring_regions_where_that_is_wanted(friends: Regions) -> None:
    luik = friends.all[1].platform
    for path in ("/search?q=frezen", "/?process=milling", "/wanted", "/listings"):
        page = luik.anyone.get(path).text
        assert 'name="neighbours"' in page, path
        assert "Freesbank" not in page, path
    for path in ("/search?q=frezen&neighbours=yes", "/?process=milling&neighbours=yes", "/parts/offers?neighbours=yes"):
        page = luik.anyone.get(path).text
        assert "Freesbank DMU 50" in page, path
        assert re.search(r'class="badge region".*?Limburg', page, re.S), path
    assert "Freesbank" not in luik.anyone.get("/search?q=draaien&neighbours=yes").text
    assert "Freesbank" not in luik.anyone.get("/?hours=9&neighbours=yes").text
    assert "Freesbank" not in luik.anyone.get("/?max_price=80&neighbours=yes").text
    hits = luik.anyone.get("/api/v1/search", params={"q": "frezen", "neighbours": "true"}).json()["neighbours"]["found"]
    assert [(one["region"], one["title"], one["amount"], one["currency"]) for one in hits] == [
        ("Limburg", "Freesbank DMU 50", "85.00", "EUR")
    ]
    assert luik.anyone.get("/api/v1/search?q=frezen").json()["neighbours"]["count"] == 0
    shown = luik.anyone.get(friends.all[1].item_path()).text
    for said in ("Freesbank DMU 50", "Limburg", "85,00", "hal-2", "Meld u aan"):
        assert said in shown, said


def test_nothing_is_exchanged_before_both_sides_agree(strangers: Regions) -> None:
    limburg, luik = strangers.all
    limburg.platform.machine()
    limburg.platform.offer()
    luik.agree(limburg)
    strangers.talk()
    assert (luik.items(), luik.neighbour(limburg).trouble) == ([], "not_agreed")
    limburg.add(luik)
    strangers.talk(12)
    assert (luik.items(), luik.neighbour(limburg).trouble) == ([], "not_agreed")
    neighbours.agree(limburg.platform.context, ADMINISTRATOR, limburg.neighbour(luik).id)
    strangers.talk(12)
    assert [one.kind for one in luik.items()] == ["offer"]


def test_only_what_anybody_may_see_is_shared(strangers: Regions) -> None:
    limburg, luik = strangers.all
    strangers.befriend()
    platform = limburg.platform
    platform.machine()
    platform.offer("public", start_h=24)
    platform.offer("members", start_h=48, visibility="members")
    platform.offer("partners", start_h=72, visibility="partners", partners=["hal-3"])
    platform.machine("secret", "Geheime pers van Hal 2", process="bending")
    platform.offer("anonymous", start_h=24, machine="secret", anonymous=True)
    strangers.talk()
    shared = luik.items()
    assert len(shared) == 2
    text = " ".join(str(one.content) for one in shared if "alias" in str(one.content) or "machine-" in str(one.content))
    assert "Machine " in text
    assert not any(word in text for word in ("hal-2", "Geheime", "secret", "members", "partners"))


def test_a_request_is_answered_at_home(friends: Regions) -> None:
    limburg, luik = friends.all
    seeker = seeker_of(luik.platform)
    page = luik.ask(seeker, luik.item_path(), *TOMORROW, message="Veertig beugels")
    assert "In aanvraag…" in seeker.get(page).text
    friends.talk()
    (booking,) = limburg.bookings()
    # It is never accepted at once: this region has not approved whoever asks.
    assert (booking.state, booking.organisation, booking.email) == ("held", "startup (Luik)", "")
    assert state_at(friends) == "held"
    told = seeker.get(page).text
    assert "Wacht op antwoord" in told
    assert "hal-2" not in told, "who gives it is said once it is accepted"

    answer = limburg.platform.hal_2.post(
        f"/api/v1/bookings/{booking.id}/state", json={"state": "accepted", "message": "Welkom"}
    )
    assert answer.status_code == 200, answer.text
    friends.talk()
    assert state_at(friends) == "accepted"
    told = seeker.get(page).text
    assert all(word in told for word in ("Aanvaard", "hal-2", "Welkom", "340,00")), told
    mail = luik.platform.mail("bo@startup.be", "Aanvaard")
    assert "Freesbank DMU 50" in str(mail["Subject"])
    seen = limburg.platform.hal_2.get(f"/api/v1/bookings/{booking.id}").json()
    assert (seen["organisation"], seen["email"]) == ("startup (Luik)", "bo@startup.be")

    seeker.post(f"{page}/cancel")
    assert "Wordt geannuleerd" in seeker.get(page).text
    friends.talk()
    assert (state_at(friends), limburg.bookings()[0].state) == ("cancelled", "cancelled")


@pytest.mark.parametrize(
    ("step", "state", "said"),
    [("declined", "declined", "kan de aanvraag niet aannemen"), ("", "expired", "niet op tijd geantwoord")],
)
def test_a_request_that_comes_to_nothing_is_told_once(friends: Regions, step: str, state: str, said: str) -> None:
    limburg, luik = friends.all
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    friends.talk()
    (booking,) = limburg.bookings()
    if step:
        limburg.platform.hal_2.post(f"/api/v1/bookings/{booking.id}/state", json={"state": step})
    else:
        friends.later(hours=25)
    friends.talk(5)
    assert state_at(friends) == state
    luik.platform.mail("bo@startup.be", said)
    assert (
        len([one for one in luik.platform.mails_to("bo@startup.be") if "Niet doorgegaan" in str(one["Subject"])]) == 1
    )


def test_hours_that_somebody_at_home_has_are_refused(friends: Regions) -> None:
    limburg, luik = friends.all
    public = limburg.platform.anyone.get("/api/v1/offers").json()["offers"][0]["id"]
    assert limburg.platform.startup.post(f"/api/v1/offers/{public}/booking", json={}).status_code == 201
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    friends.talk()
    assert state_at(friends) == "refused"
    assert len(limburg.bookings()) == 1
    friends.talk()
    assert luik.items() == []


def test_lost_and_doubled_messages_make_one_booking(friends: Regions) -> None:
    limburg, luik = friends.all
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    lost = 3

    def loses_answers(request: HttpRequest) -> HttpAnswer:
        nonlocal lost
        answer = ask_neighbour(request)
        if lost and "/requests/" in request.url:
            lost -= 1
            raise AwayError
        return answer

    luik.way = loses_answers
    friends.talk(12)
    assert lost == 0
    assert len(limburg.bookings()) == 1
    assert state_at(friends) == "held"


def test_what_is_withdrawn_is_gone_within_a_minute(friends: Regions) -> None:
    limburg, luik = friends.all
    path = luik.item_path()
    assert luik.platform.anyone.get(path).status_code == 200
    assert limburg.platform.hal_2.delete("/api/v1/offers/o1").status_code == 204
    friends.talk(2)
    assert luik.platform.anyone.get(path).status_code == 404
    assert "Freesbank" not in luik.platform.anyone.get("/search?neighbours=yes").text


def test_a_region_that_is_away_is_said_to_be_and_then_hidden(friends: Regions) -> None:
    luik = friends.all[1]
    path = luik.item_path()

    def away(_: HttpRequest) -> HttpAnswer:
        raise AwayError

    luik.way = away
    friends.later(hours=0.2)
    friends.talk()
    assert "sinds" in luik.platform.anyone.get(path).text
    assert "stand van" in luik.platform.anyone.get("/search?neighbours=yes").text
    friends.later(hours=1)
    assert luik.platform.anyone.get(path).status_code == 404
    assert "Freesbank" not in luik.platform.anyone.get("/search?neighbours=yes").text
    luik.way = ask_neighbour
    friends.talk(10)
    assert luik.platform.anyone.get(path).status_code == 200


def test_either_side_ends_it_at_once(friends: Regions) -> None:
    limburg, luik = friends.all
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    friends.talk()
    limburg.end(luik)
    assert [one.state for one in limburg.bookings()] == ["expired"]
    friends.talk()
    assert (luik.items(), luik.neighbour(limburg).state, luik.neighbour(limburg).ended_there) == ([], "ended", True)
    assert state_at(friends) == "ended"
    luik.platform.mail("bo@startup.be", "stopgezet")
    # They may begin anew, one after the other.
    luik.agree(limburg)
    friends.talk(12)
    assert (luik.neighbour(limburg).state, luik.neighbour(limburg).trouble) == ("agreed", "not_agreed")
    limburg.add(luik)
    friends.talk(12)
    assert luik.neighbour(limburg).trouble == "not_agreed"
    neighbours.agree(limburg.platform.context, ADMINISTRATOR, limburg.neighbour(luik).id)
    friends.talk(12)
    assert [one.kind for one in luik.items()] == ["offer"]


def test_whom_the_region_refuses_asks_for_nothing_elsewhere_any_more(friends: Regions) -> None:
    limburg, luik = friends.all
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    friends.talk()
    region = luik.platform.somebody("r@luik.be", "luik", kind=Kind.REGION)
    refusal = {"approved": False, "reason": "Onbekend bedrijf."}
    assert region.put("/api/v1/region/organisations/startup/approval", json=refusal).status_code == 200
    friends.talk()
    assert (state_at(friends), limburg.bookings()[0].state) == ("cancelled", "cancelled")


def test_listings_and_notices_are_shared_and_listings_asked_for(friends: Regions) -> None:
    limburg, luik = friends.all
    owner = limburg.platform.somebody("eva@hal.be", "hal-2", kind=Kind.FACTORY)
    listing = {
        "kind": "operator", "title": "Twee frezers", "start": (NOON + timedelta(days=1)).isoformat(), "end": (NOON + timedelta(days=30)).isoformat(),
        "price": "52.00", "price_unit": "hour", "details": {"processes": ["milling"], "people": 2, "place": "Genk"},
    }  # fmt: skip
    assert owner.post("/api/v1/listings", json=listing).status_code == 201
    wanted = {"title": "Draaiwerk gezocht", "text": "Assen", "wish": {"process": "turning"}}
    assert owner.post("/api/v1/wanted", json=wanted).status_code == 201
    friends.talk()
    found = luik.platform.anyone.get("/search?neighbours=yes").text
    assert "Twee frezers" in found
    assert "Draaiwerk gezocht" in found
    assert "Twee frezers" in luik.platform.anyone.get("/listings?kind=operator&neighbours=yes").text
    assert "Twee frezers" not in luik.platform.anyone.get("/listings?kind=training&neighbours=yes").text
    assert "Draaiwerk" in luik.platform.anyone.get("/wanted?neighbours=yes").text
    assert f"{limburg.platform.url}/wanted/" in luik.platform.anyone.get(luik.item_path("notice")).text
    assert "52,00" in luik.platform.anyone.get(luik.item_path("listing")).text
    luik.ask(seeker_of(luik.platform), luik.item_path("listing"), "2026-03-10T08:00", "2026-03-12T17:00", places="2")
    friends.talk()
    (booking,) = limburg.bookings()
    assert (booking.state, booking.places, booking.listing_id is not None) == ("held", 2, True)


def test_days_are_those_of_the_region_here_and_next_door(friends: Regions) -> None:
    limburg, luik = friends.all
    night = {"kind": "know_how", "title": "Raad bij nacht", "price_unit": "hour", "details": {}}
    # From half past midnight of the fifth to half past midnight of the seventh, in Brussels.
    hours = {"start": "2026-03-04T23:30:00Z", "end": "2026-03-06T23:30:00Z"}
    made = limburg.platform.hal_2.post("/api/v1/listings", json=night | hours)
    assert made.status_code == 201, made.text
    friends.talk()
    for day, there in (("2026-03-04", False), ("2026-03-05", True), ("2026-03-07", True), ("2026-03-08", False)):
        home = limburg.platform.anyone.get("/api/v1/listings", params={"day": day}).json()["listings"]
        asked = {"neighbours": "true", "day": day}
        beyond = luik.platform.anyone.get("/api/v1/search", params=asked).json()["neighbours"]["found"]
        assert [bool(home), "Raad bij nacht" in [one["title"] for one in beyond]] == [there, there], day


def test_a_factory_proposes_nothing_to_a_neighbouring_region(friends: Regions) -> None:
    limburg, luik = friends.all
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW)
    friends.talk()
    (booking,) = limburg.bookings()
    answer = limburg.platform.hal_2.post(f"/api/v1/bookings/{booking.id}/proposals", json={"price": "10.00"})
    assert (answer.status_code, answer.json()["code"]) == (409, "neighbour_no_proposals")


def test_what_a_factory_is_told_is_little(friends: Regions) -> None:
    limburg, luik = friends.all
    sent: list[HttpRequest] = []

    def listens(request: HttpRequest) -> HttpAnswer:
        sent.append(request)
        return ask_neighbour(request)

    luik.way = listens
    luik.ask(seeker_of(luik.platform), luik.item_path(), *TOMORROW, message="Veertig beugels")
    friends.talk()
    said = b" ".join(one.body for one in sent)
    assert b"startup" in said
    assert b"Veertig" in said
    assert b"bo@" not in said
    with limburg.platform.context.sessions() as session:
        assert session.scalar(select(func.count()).where(Booking.email != "")) == 0


def test_whoever_is_not_approved_asks_nothing_elsewhere(friends: Regions) -> None:
    luik = friends.all[1]
    newcomer = luik.platform.somebody("new@x.be", "newcomer", approved=False)
    path = luik.item_path()
    assert "goedgekeurd" in newcomer.get(path).text
    assert newcomer.post(path, data={"start": TOMORROW[0], "end": TOMORROW[1]}).status_code == 403
    assert luik.platform.anyone.post(path, headers={"Origin": luik.platform.url}).status_code in (303, 401)
    assert luik.forwarded() == []


def test_times_are_told_in_both_zones_and_amounts_in_their_currency(strangers: Regions) -> None:
    limburg, luik = strangers.all
    strangers.befriend()
    context = limburg.platform.context
    assert limburg.platform.app is not None
    limburg.platform.app.state.context = replace(context, zone="Europe/London")
    limburg.platform.machine()
    limburg.platform.offer("o1", start_h=24, hours=8, price_per_hour="85.00")
    strangers.talk()
    with luik.platform.context.sessions.begin() as session:
        row = session.scalars(select(NeighbourItem)).one()
        row.content = row.content | {"price": {"amount": "85.00", "currency": "GBP"}}
        row.digest = "changed"
    page = luik.platform.anyone.get(luik.item_path()).text
    assert "85.00 GBP" in page
    assert "daar" in page
    assert "11.00" in page or "11:00" in page or "11 u" in page
