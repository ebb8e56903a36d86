"""A home platform that was restored from an earlier backup: both sides find out, and whoever asked is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharing_platform.federation.forwarding import (
    OVER,
    Asked,
    Forwarded,
    cancelled_here,
    contradicts,
    heard,
    reconcile,
    to_tell,
)
from sharing_platform.federation.transport import HttpAnswer, HttpRequest
from sharing_platform.organisations.permissions import Kind
from tests.sharing_platform.conftest import NOON
from tests.sharing_platform.federation.regions import TOMORROW, Region, Regions
from vrijloop.neighbours import ask_neighbour


def backup(region: Region, folder: Path) -> Callable[[], None]:
    """Returns what restores it."""
    engine: Any = region.platform.context.sessions.kw["bind"]
    database, kept = Path(engine.url.database), folder / "kept.sqlite"
    engine.dispose()  # the last connection that closes writes its journal into the file
    shutil.copyfile(database, kept)

    def restore() -> None:
        engine.dispose()
        for journal in ("-wal", "-shm"):
            database.with_name(database.name + journal).unlink(missing_ok=True)
        shutil.copyfile(kept, database)

    return restore


def accept(regions: Regions) -> None:
    home = regions.all[0]
    (booking,) = home.bookings()
    answer = home.platform.hal_2.post(f"/api/v1/bookings/{booking.id}/state", json={"state": "accepted"})
    assert answer.status_code == 200, answer.text


def ask(regions: Regions) -> tuple[httpx2.Client, str]:
    """Who asks, and the page of the request."""
    luik = regions.all[1]
    seeker = luik.platform.somebody("bo@startup.be", "startup")
    return seeker, luik.ask(seeker, luik.item_path(), *TOMORROW)


def subjects(regions: Regions) -> list[str]:
    return [str(one["Subject"]).partition(":")[0] for one in regions.all[1].platform.mails_to("bo@startup.be")]


def test_what_was_accepted_and_is_forgotten_is_told_once(friends: Regions, tmp_path: Path) -> None:
    limburg, luik = friends.all
    restore = backup(limburg, tmp_path)
    seeker, page = ask(friends)
    friends.talk()
    accept(friends)
    friends.talk()
    luik.platform.mail("bo@startup.be", "Aanvaard")
    restore()
    friends.talk(3)
    assert (luik.forwarded()[0].state, limburg.bookings()) == ("lost", [])
    assert "neem contact op" in luik.platform.mail("bo@startup.be", "Niet meer zeker").get_content()
    shown = seeker.get(page).text
    assert "Daar niet meer bekend" in shown
    assert "hal-2" in shown, "whom to turn to"
    region = limburg.platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    assert region.get("/region/log?kind=neighbour").text.count("niet meer bekend is") == 1
    friends.later(hours=2)
    friends.talk(3)
    assert subjects(friends) == ["Aanvaard", "Niet meer zeker"]
    luik.platform.somebody("an@startup.be", "startup")  # who stays, as an organisation needs an owner
    assert seeker.post("/account/erase", data={"sure": "yes"}).status_code == 303, "nothing is to come of it"


def test_what_was_accepted_and_waits_again_is_told_and_so_is_what_comes_of_it(friends: Regions, tmp_path: Path) -> None:
    limburg, luik = friends.all
    ask(friends)
    friends.talk()
    restore = backup(limburg, tmp_path)
    accept(friends)
    friends.talk(3)
    restore()
    friends.talk(3)
    assert (luik.forwarded()[0].state, limburg.bookings()[0].state) == ("held", "held")
    assert "wacht er opnieuw op antwoord" in luik.platform.mail("bo@startup.be", "Niet meer zeker").get_content()
    accept(friends)
    friends.talk(3)
    assert luik.forwarded()[0].state == "accepted"
    assert limburg.bookings()[0].email == "bo@startup.be", "whom to turn to is said again"
    luik.platform.mail("bo@startup.be", "Aanvaard")
    assert subjects(friends) == ["Aanvaard", "Niet meer zeker", "Aanvaard"]


def test_what_was_cancelled_before_it_was_forgotten_is_cancelled_again(friends: Regions, tmp_path: Path) -> None:
    limburg, luik = friends.all
    seeker, page = ask(friends)
    friends.talk()
    accept(friends)
    friends.talk()
    restore = backup(limburg, tmp_path)
    seeker.post(f"{page}/cancel")
    friends.talk()
    assert limburg.bookings()[0].state == "cancelled"
    restore()
    assert limburg.bookings()[0].state == "accepted"
    friends.talk(4)
    assert (luik.forwarded()[0].state, limburg.bookings()[0].state) == ("cancelled", "cancelled")
    assert subjects(friends) == ["Aanvaard", "Geannuleerd"], "once"


def test_a_request_of_which_home_cannot_say_how_it_stands_keeps_no_other_away(friends: Regions, tmp_path: Path) -> None:
    limburg, luik = friends.all
    restore = backup(limburg, tmp_path)
    seeker, _ = ask(friends)
    luik.ask(seeker, luik.item_path(), "2026-03-03T16:00", "2026-03-03T20:00")
    friends.talk()
    first = min(one.id for one in luik.forwarded())
    restore()

    def fails(request: HttpRequest) -> HttpAnswer:
        failing = request.method == "GET" and request.url.endswith(first)
        return HttpAnswer(500, {}, b"") if failing else ask_neighbour(request)

    luik.way = fails
    friends.talk(4)
    assert [one.state for one in limburg.bookings()] == ["held"], "the other one was asked for again"
    luik.way = ask_neighbour
    friends.later(hours=1)
    friends.talk(4)
    assert [one.state for one in limburg.bookings()] == ["held", "held"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_waits_and_is_forgotten_is_asked_for_again(friends: Regions, tmp_path: Path, cancelled: bool) -> None:
    limburg, luik = friends.all
    restore = backup(limburg, tmp_path)
    seeker, page = ask(friends)
    friends.talk()
    restore()
    if cancelled:
        seeker.post(f"{page}/cancel")
    friends.talk(4)
    if cancelled:
        assert (luik.forwarded()[0].state, limburg.bookings()) == ("cancelled", [])
    else:
        assert (luik.forwarded()[0].state, limburg.bookings()[0].state) == ("held", "held")
        assert luik.forwarded()[0].id == page.rpartition("/")[2]
    assert subjects(friends) == []


STEPS = ("talk", "talk", "talk", "accept", "decline", "cancel", "backup", "restore")
LIVE = (Asked.HELD, Asked.ACCEPTED)


@dataclass
class World:
    """A request, as home has it (its steps) and as who asks knows it."""

    home: list[Asked] = field(default_factory=list)
    kept: list[Asked] = field(default_factory=list)
    known: Forwarded = field(default_factory=lambda: Forwarded(Asked.ASKING))
    told: list[Asked] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return bool(self.home) and self.home[-1] in LIVE

    def talk(self) -> None:
        """What waits is sent, all is read, and what contradicts is asked for."""
        if self.known.state is Asked.ASKING and not self.home:
            self.home = [Asked.HELD]
        if self.known.state is Asked.CANCELLING and (self.is_live or not self.home):
            self.home = [*self.home, Asked.CANCELLED]
        doubted = not self.home
        if self.home:
            news = self.home[-1], len(self.home)
            doubted = contradicts(self.known, *news)
            self._keep(heard(self.known, *news, cancellable=self.is_live))
        if doubted:
            said = (self.home[-1], len(self.home)) if self.home else None
            self._keep(*reconcile(self.known, said, can_ask_again=True))

    def accept(self) -> None:
        self._answer(Asked.ACCEPTED)

    def decline(self) -> None:
        self._answer(Asked.DECLINED)

    def cancel(self) -> None:
        after = cancelled_here(self.known, NOON, None)
        if after is not None:
            self._keep(after)

    def backup(self) -> None:
        self.kept = list(self.home)

    def restore(self) -> None:
        self.home = list(self.kept)

    def _answer(self, state: Asked) -> None:
        if self.home and self.home[-1] is Asked.HELD:
            self.home = [*self.home, state]

    def _keep(self, after: Forwarded, outcome: Asked | None = None) -> None:
        self.known, outcome = (after, outcome) if outcome is not None else to_tell(after)
        self.told += [outcome] if outcome is not None else []


@settings(deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_is_restored_both_sides_agree_in_the_end_and_the_last_word_is_told(steps: list[str]) -> None:
    world = World()
    for step in [*steps, *["talk"] * 4]:
        getattr(world, step)()
    state = world.known.state
    if state in OVER:
        assert not world.is_live, "nobody there counts on what is over here"
    else:
        assert state is world.home[-1]
        assert state is not Asked.HELD or Asked.ACCEPTED not in world.told or world.told[-1] is Asked.LOST
    if state in (Asked.ACCEPTED, Asked.LOST):
        assert world.told[-1] is state
    if state is Asked.DECLINED:
        assert world.known.told in (state, Asked.CANCELLED), "whoever has cancelled knows that nothing comes of it"
