"""Training from demand: others join, trainers are told once it is enough, and those who asked get places of the course first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from sharing_platform.learning import interests
from sharing_platform.learning.models import LearningSettings
from sharing_platform.listings.models import Listing
from sharing_platform.machines.availability import lock_resource
from sharing_platform.organisations.permissions import Kind, Role
from tests.platform_databases import waits_for_another
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.learning.samples import API, INTEREST, code, page_of, post


def ask(platform: Platform, *names: str) -> list[httpx2.Client]:
    """People of as many factories, of whom the first asks for the training."""
    return [platform.somebody(f"{one}@{one}.be", one, Role.MEMBER, Kind.FACTORY) for one in names]


def course(trainer: httpx2.Client, places: int = 5, **details: Any) -> str:
    """Its id."""
    start, end = NOON + timedelta(days=60), NOON + timedelta(days=62)
    body = {"kind": "training", "title": "FANUC voor beginners", "places": places, "start": start.isoformat(), "end": end.isoformat(), "details": details}  # fmt: skip
    answer = trainer.post("/api/v1/listings", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def want(client: httpx2.Client, path: str, people: int = 1) -> object:
    return code(client.put(f"{path}/interest", json={"people": people}))


def test_enough_who_want_it_become_a_course_and_get_places_first(platform: Platform) -> None:
    trainer = platform.somebody("tim@centrum.be", "centrum", Role.PLANNER, Kind.TRAINING_CENTRE)
    platform.somebody("lid@centrum.be", "centrum", Role.MEMBER, Kind.TRAINING_CENTRE)
    an, bo, cy, di = ask(platform, "an", "bo", "cy", "di")
    path = post(an, INTEREST)
    page = page_of(path)
    assert [want(bo, path), want(cy, path, 3), want(bo, path, 1)] == [200, 200, 200]
    platform.tick()
    assert not platform.mails_to("tim@centrum.be"), "three are not enough"
    shown = platform.anyone.get(path).json()
    assert (shown["organisations"], shown["people"], shown["enough"], shown["course"]) == (3, 6, 4, None)
    assert "Nog 1 organisatie, en de opleiders krijgen bericht" in di.get(page).text
    assert "bo" not in platform.anyone.get(f"/api/v1{page}").text.replace("bok", ""), "who wants it, nobody learns"
    assert want(di, path, 1) == 200
    for _ in range(2):
        platform.later(1)
    assert "voor 7 personen" in platform.mail("tim@centrum.be", "Genoeg vraag").get_content()
    assert len(platform.mails_to("tim@centrum.be")) == 1, "once"
    assert not platform.mails_to("lid@centrum.be"), "who may offer a training"
    listing = course(trainer)
    assert "FANUC voor beginners" in trainer.get(page).text
    assert trainer.post(f"{page}/course", data={"listing": listing}).headers["location"].endswith("done=course_made")
    for name in ("an", "bo", "cy", "di"):
        platform.mail(f"{name}@{name}.be")
    mails = {name: platform.mails_to(f"{name}@{name}.be") for name in ("an", "bo", "cy", "di")}  # fmt: skip
    assert [len(one) for one in mails.values()] == [1] * 4, "each is told once"
    assert "vrijhouden tot ma 09/03/2026" in mails["an"][0].get_content()
    assert "wachtlijst, nummer 1, voor 3 plaatsen" in mails["cy"][0].get_content(), "three do not fit after two and one"
    kept = [one.get(f"/api/v1/listings/{listing}/waiting").json() for one in (an, bo, cy, di)]
    assert [(one["places"], bool(one["confirm_until"])) for one in kept] == [(2, True), (1, True), (3, False), (1, True)]  # fmt: skip
    assert platform.anyone.get(f"/api/v1/listings/{listing}").json()["places_left"] == 1, "four of five are kept"
    stranger = platform.somebody("s@s.be", "s")
    assert code(stranger.post(f"/api/v1/listings/{listing}/booking", json={"places": 3})) == "no_places"
    assert an.post(f"/api/v1/listings/{listing}/waiting/confirmation").json()["places"] == 2
    assert code(an.put(f"{path}/interest", json={"people": 4})) == "interest_has_course"
    assert platform.anyone.get(f"{API}?kind=interest").json()["posts"] == [], "it is found among trainings"
    assert f"/listings/{listing}" in an.get(page).text
    platform.later(24 * 7 + 1)
    platform.tick()
    assert cy.get(f"/api/v1/listings/{listing}/waiting").json()["confirm_until"], "what was not confirmed goes on"
    assert code(trainer.put(f"{path}/course", json={"listing": listing})) == "interest_has_course"


@pytest.mark.parametrize("kind", ["none", "other process"])
def test_where_nobody_trains_it_is_told_later(platform: Platform, kind: str) -> None:
    an, bo = ask(platform, "an", "bo")
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    path = post(an, INTEREST)
    assert want(bo, path) == 200
    assert region.post("/region/learning", data={"enough": "1"}).status_code == 422, "one is no demand"
    assert region.post("/region/learning", data={"enough": "2"}).status_code == 303
    assert region.get("/api/v1/region/learning").json() == {"enough": 2}
    maker = platform.somebody("mo@maker.be", "maker", Role.PLANNER, Kind.FACTORY)
    if kind != "none":
        course(maker, process="turning")
    platform.tick()
    assert not platform.mails_to("mo@maker.be")
    course(maker, process="milling")
    platform.tick()
    platform.context.wake_workers()
    assert platform.mail("mo@maker.be", "Genoeg vraag"), "who offers training in the same process"


def test_a_training_whose_course_is_withdrawn_is_wanted_again(platform: Platform) -> None:
    trainer = platform.somebody("tim@centrum.be", "centrum", Role.PLANNER, Kind.TRAINING_CENTRE)
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    region.put("/api/v1/region/learning", json={"enough": 2})
    an, bo = ask(platform, "an", "bo")
    path = post(an, INTEREST)
    want(bo, path)
    platform.tick()
    assert platform.mail("tim@centrum.be", "Genoeg vraag")
    assert platform.anyone.get(path).json()["trainers_told"]
    first = course(trainer)
    assert trainer.put(f"{path}/course", json={"listing": first}).status_code == 204
    assert platform.anyone.get(f"{API}?kind=interest").json()["posts"] == []
    assert trainer.delete(f"/api/v1/listings/{first}").status_code == 204
    (found,) = platform.anyone.get(f"{API}?kind=interest").json()["posts"]
    assert (found["course"], found["trainers_told"]) == (None, False)
    (cy,) = ask(platform, "cy")
    assert want(cy, path) == 200
    for _ in range(2):
        platform.later(1)
        platform.tick()
    wait_for(lambda: len(platform.mails_to("tim@centrum.be")) == 2, "trainers to be told anew, once")
    assert trainer.put(f"{path}/course", json={"listing": course(trainer)}).status_code == 204
    platform.later(24 * 70)
    assert platform.anyone.get(path).json()["course"], "it has taken place"


def test_a_course_that_was_hidden_or_whose_trainer_was_refused_is_none(platform: Platform) -> None:
    trainer = platform.somebody("tim@centrum.be", "centrum", Role.PLANNER, Kind.TRAINING_CENTRE)
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    (an,) = ask(platform, "an")
    path = post(an, INTEREST)
    listing = course(trainer)
    assert trainer.put(f"{path}/course", json={"listing": listing}).status_code == 204
    for taken_down, approved in ((True, True), (False, False), (False, True)):
        with platform.context.sessions.begin() as session:
            session.get_one(Listing, listing).taken_down = platform.present[0] if taken_down else None
        decision = {"approved": approved, "reason": "Onbekend."}
        region.put("/api/v1/region/organisations/centrum/approval", json=decision)
        stands = approved and not taken_down
        assert platform.anyone.get(path).json()["course"] == (listing if stands else None), (taken_down, approved)


def test_trainers_are_said_to_be_told_once_they_are(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    region.put("/api/v1/region/learning", json={"enough": 2})
    an, bo = ask(platform, "an", "bo")
    path = post(an, INTEREST)
    want(bo, path)
    # A training centre in which nobody can be told is none.
    platform.somebody("lid@centrum.be", "centrum", Role.MEMBER, Kind.TRAINING_CENTRE)
    platform.tick()

    def is_due() -> bool:
        with platform.context.sessions() as session:
            return bool(session.scalars(interests.due(session, platform.present[0])).all())

    assert not is_due(), "nothing is tried again and again"
    assert not platform.anyone.get(path).json()["trainers_told"]
    assert "zodra er hier opleiders zijn" in an.get(page_of(path)).text
    platform.somebody("tim@centrum.be", "centrum", Role.PLANNER)
    assert is_due()
    platform.tick()
    assert "de opleiders hebben bericht gekregen" in an.get(page_of(path)).text


def test_whoever_is_removed_is_not_told_of_the_course(platform: Platform) -> None:
    trainer = platform.somebody("tim@centrum.be", "centrum", Role.PLANNER, Kind.TRAINING_CENTRE)
    owner = platform.somebody("eva@an.be", "an", Role.OWNER, Kind.FACTORY)
    (an,) = ask(platform, "an")
    path = post(an, INTEREST)
    gone = an.get("/api/v1/account").json()["id"]
    assert owner.delete(f"/api/v1/organisation/members/{gone}").status_code == 204
    assert trainer.put(f"{path}/course", json={"listing": course(trainer)}).status_code == 204
    assert platform.mail("eva@an.be", "komt er")
    assert not platform.mails_to("an@an.be")


def test_who_asked_takes_it_back_also_once_it_is_withdrawn(platform: Platform) -> None:
    an, bo, cy = ask(platform, "an", "bo", "cy")
    path = post(an, INTEREST)
    assert [want(one, path) for one in (bo, cy)] == [200, 200]
    assert an.delete(path).status_code == 204
    assert cy.delete(f"{path}/interest").status_code == 204
    done = bo.post(f"{page_of(path)}/interest", data={"leave": "yes"}, follow_redirects=True)
    assert (done.status_code, "U vraagt deze opleiding niet meer." in done.text) == (200, True)
    assert bo.get("/api/v1/account/data").json()["training_wanted"] == []


@pytest.mark.parametrize("platform", ["postgresql"], indirect=True)
def test_two_administrators_who_say_how_many_are_enough_take_turns(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    with ThreadPoolExecutor(1) as pool:
        with platform.context.sessions.begin() as other:
            lock_resource(other, "learning-settings")
            other.add(LearningSettings(id=1, enough=3))
            other.flush()
            answer = pool.submit(region.put, "/api/v1/region/learning", json={"enough": 5})
            wait_for(lambda: waits_for_another(platform.context.sessions), "the second one to wait")
        assert answer.result().status_code == 200
    assert region.get("/api/v1/region/learning").json() == {"enough": 5}


def test_who_may_want_and_who_may_train(platform: Platform) -> None:
    (an,) = ask(platform, "an")
    path = post(an, INTEREST)
    assert code(platform.hal_2.post(API, json=INTEREST)) == "interest_is_for_people"
    new = platform.somebody("n@new.be", "newcomer", approved=False)
    told = [want(one, path) for one in (platform.anyone, new, platform.hal_2)]
    assert told == ["sign_in", "not_approved", "interest_is_for_people"]
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    other = platform.somebody("q@hal3.be", "hal-3", Role.PLANNER, Kind.FACTORY)
    theirs, plain = course(other), course(planner, waiting_list=False)
    assert code(planner.put(f"{path}/course", json={"listing": theirs})) == "missing"
    assert code(planner.put(f"{path}/course", json={"listing": plain})) == "course_without_waiting_list"
    assert code(an.put(f"{path}/course", json={"listing": plain})) == "role"
    assert an.delete(f"{path}/interest").status_code == 204
    assert an.delete(f"{path}/interest").status_code == 404
    assert platform.anyone.get(path).json()["organisations"] == 0
    assert want(planner, path, 3) == 200
    assert [one["people"] for one in planner.get("/api/v1/account/data").json()["training_wanted"]] == [3]
    assert platform.anyone.get(path).json()["organisations"] == 1
    assert planner.request("DELETE", "/api/v1/account").status_code == 204
    assert platform.anyone.get(path).json()["organisations"] == 0, "it goes with the account"


def test_a_wanted_training_is_asked_for_by_its_form(platform: Platform) -> None:
    (an,) = ask(platform, "an")
    form = {"kind": "interest", "title": "Lassen van aluminium", "people": "3", "month": "2026-10", "place": "Bree", "languages": ["nl", "fr"]}  # fmt: skip
    assert an.post("/learning/new", data=form | {"month": "oktober"}).status_code == 422
    made = an.post("/learning/new", data=form).headers["location"].partition("?")[0]
    page = platform.anyone.get(made).text
    assert "1 organisatie vraagt dit, voor 3 personen" in page
    assert "oktober 2026" in page
    assert 'value="3"' in an.get(f"{made}/edit").text
    assert an.post(f"{made}/interest", data={"people": "5"}).headers["location"].endswith("done=interest_joined")
    assert "voor 5 personen" in an.get(made).text
    assert an.post(f"{made}/interest", data={"leave": "yes", "people": "0"}).headers["location"].endswith("interest_left")  # fmt: skip
    assert "Lassen van aluminium" in platform.anyone.get("/search?q=aluminium").text
