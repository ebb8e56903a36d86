"""What goes wrong between two regions, or happens at the same moment, costs nobody else anything and leaves nothing behind."""

from __future__ import annotations

import base64
import threading
import uuid
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from sharing_platform.federation import answering, neighbours
from sharing_platform.federation.messages import AskForItem
from sharing_platform.federation.models import ReceivedRequest, SharedItem
from sharing_platform.federation.neighbours import NeighbourIn
from sharing_platform.federation.transport import AwayError, HttpAnswer, HttpRequest
from tests.servers import wait_for
from tests.sharing_platform.federation.regions import ADMINISTRATOR, TOMORROW, Region, Regions
from vrijloop.neighbours import ask_neighbour


def test_a_neighbour_that_answers_slowly_keeps_nobody_waiting(friends: Regions) -> None:
    limburg, luik = friends.all
    may_answer, answered = threading.Event(), threading.Event()

    def slow(_: HttpRequest) -> HttpAnswer:
        may_answer.wait(20)
        answered.set()
        raise AwayError

    busy = Region("Limburg", limburg.platform, slow, patience_s=0.05)
    try:
        busy.exchange.run()
        assert not answered.is_set()
        limburg.platform.offer("o2", start_h=48)
        friends.later(seconds=4)
        busy.exchange.run()
        luik.exchange.run()
        assert len(luik.items()) == 2, "what Limburg shares is told meanwhile"
    finally:
        may_answer.set()
        assert answered.wait(20)


def test_however_many_answer_slowly_the_others_are_talked_to(friends: Regions) -> None:
    limburg, luik = friends.all
    for number in range(12):
        key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
        wanted = NeighbourIn(name=f"Regio {number}", url=f"https://regio-{number}.example", public_key=key)
        neighbours.agree(luik.platform.context, ADMINISTRATOR, neighbours.add(luik.platform.context, ADMINISTRATOR, wanted))  # fmt: skip
    may_answer, waiting = threading.Event(), threading.Semaphore(0)

    def way(request: HttpRequest) -> HttpAnswer:
        if request.url.startswith(limburg.platform.url):
            return ask_neighbour(request)
        waiting.release()
        may_answer.wait(600)  # longer than anybody here waits for it
        raise AwayError

    busy = Region("Luik", luik.platform, way, patience_s=0)
    try:
        busy.exchange.run()
        for _ in range(12):
            assert waiting.acquire(timeout=60), "each is talked to, whatever the others do"
        limburg.platform.offer("o2", start_h=48)
        limburg.exchange.run()

        def heard() -> bool:
            friends.later(seconds=4)
            busy.exchange.run()
            return len(luik.items()) == 2

        wait_for(heard, "what Limburg shares")
    finally:
        may_answer.set()
        busy.exchange.stop()


def test_a_request_at_which_home_fails_keeps_nothing_else_away(friends: Regions) -> None:
    limburg, luik = friends.all

    def fails(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(500, {}, b"") if request.method == "PUT" else ask_neighbour(request)

    luik.way = fails
    luik.ask(luik.platform.somebody("bo@startup.be", "startup"), luik.item_path(), *TOMORROW)
    limburg.platform.offer("o2", start_h=48)
    friends.later(hours=2)
    friends.talk()
    assert (luik.forwarded()[0].state, luik.neighbour(limburg).trouble) == ("asking", "unreadable")
    assert len(luik.items()) == 2
    assert neighbours.is_shown(luik.neighbour(limburg), luik.platform.present[0]), "its feed has just been read"
    luik.way = ask_neighbour
    friends.talk(12)
    assert (luik.forwarded()[0].state, luik.neighbour(limburg).trouble) == ("held", "")


def test_what_cannot_be_told_keeps_nobody_from_hearing(friends: Regions, monkeypatch: pytest.MonkeyPatch) -> None:
    limburg, luik = friends.all

    def fails() -> None:
        raise RuntimeError("one bad row")

    monkeypatch.setattr(luik.exchange._feed, "write", fails)
    limburg.platform.offer("o2", start_h=48)
    limburg.exchange.run()
    friends.later(seconds=4)
    with pytest.raises(RuntimeError, match="one bad row"):
        luik.exchange.run()
    assert len(luik.items()) == 2


def test_changes_are_numbered_on_after_an_exchange_has_ended(friends: Regions) -> None:
    limburg, luik = friends.all
    luik.ask(luik.platform.somebody("bo@startup.be", "startup"), luik.item_path(), *TOMORROW)
    friends.talk()

    def numbered() -> tuple[int | None, int]:
        with limburg.platform.context.sessions() as session:
            told = select(func.count()).where(SharedItem.neighbour_id != "", SharedItem.content.is_not(None))
            return session.scalar(select(func.max(SharedItem.sequence))), session.scalar(told) or 0

    newest, told = numbered()
    assert told == 1
    limburg.end(luik)
    assert numbered() == (newest, 0), "otherwise what changes next would have a number that others have read past"


def asked_for(item: str, region: Region) -> AskForItem:
    now = region.platform.present[0]
    return AskForItem(
        kind="offer", item=item, start=now + timedelta(hours=24), end=now + timedelta(hours=26), organisation="Start-up BV",
        valid_until=now + timedelta(hours=12),
    )  # fmt: skip


def test_a_request_that_comes_while_the_exchange_ends_makes_no_booking(friends: Regions) -> None:
    limburg, luik = friends.all
    (item,) = luik.items()
    neighbour = limburg.neighbour(luik).id
    limburg.end(luik)
    said = answering.ask(limburg.platform.context, neighbour, str(uuid.uuid4()), asked_for(item.id, limburg))
    assert (said.state, limburg.bookings()) == ("refused", [])


def test_requests_of_which_nothing_came_are_forgotten(friends: Regions) -> None:
    limburg, luik = friends.all
    neighbour = limburg.neighbour(luik).id
    answering.cancel(limburg.platform.context, neighbour, str(uuid.uuid4()))
    booked = answering.ask(
        limburg.platform.context, neighbour, str(uuid.uuid4()), asked_for(luik.items()[0].id, limburg)
    )
    assert booked.state == "held"

    def kept() -> list[str]:
        with limburg.platform.context.sessions() as session:
            return list(session.scalars(select(ReceivedRequest.id)))

    limburg.platform.present[0] += answering.TOLD_FOR - timedelta(minutes=1)
    limburg.exchange.run()
    assert len(kept()) == 2
    limburg.platform.present[0] += timedelta(minutes=10)
    limburg.exchange.run()
    assert kept() == [booked.id]


@pytest.mark.parametrize("cancelled", [False, True])
def test_whoever_erases_their_account_is_forgotten_over_there(friends: Regions, cancelled: bool) -> None:
    limburg, luik = friends.all
    seeker = luik.platform.somebody("bo@startup.be", "startup")
    luik.platform.somebody("an@startup.be", "startup")  # who stays, as an organisation needs an owner
    page = luik.ask(seeker, luik.item_path(), *TOMORROW)
    friends.talk()
    (booking,) = limburg.bookings()
    accepted = limburg.platform.hal_2.post(f"/api/v1/bookings/{booking.id}/state", json={"state": "accepted"})
    assert accepted.status_code == 200, accepted.text
    friends.talk()
    assert limburg.bookings()[0].email == "bo@startup.be"
    if cancelled:
        seeker.post(f"{page}/cancel")
    else:
        friends.later(hours=30)
    friends.talk(3)
    assert luik.forwarded()[0].state == ("cancelled" if cancelled else "completed")
    assert seeker.post("/account/erase", data={"sure": "yes"}).status_code == 303
    friends.talk(12)
    assert limburg.bookings()[0].email == ""
    assert luik.forwarded()[0].contact == "said"


@pytest.mark.parametrize(
    "wrong",
    [{"places": "9" * 5000}, {"message": "a\x7fb"}, {"message": "a\x00b"}, {"message": "x" * 4001}],
    ids=["a number that nobody means", "a control character", "another one", "too long"],
)
def test_what_home_could_not_be_told_is_refused(friends: Regions, wrong: dict[str, str]) -> None:
    luik = friends.all[1]
    seeker = luik.platform.somebody("bo@startup.be", "startup")
    asked = {"start": TOMORROW[0], "end": TOMORROW[1]} | wrong
    assert seeker.post(luik.item_path(), data=asked).status_code == 422
