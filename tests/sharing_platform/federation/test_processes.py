"""Platforms of regions as processes of their own: cut off from each other, killed in the middle, and started again.

Two, briefly, in the suite; five (`VRIJLOOP_REGIONS=5`), for longer (`VRIJLOOP_ROUNDS`), in `make campaign`.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bookings.lifecycle import LIVE
from sharing_platform.bookings.models import Booking
from sharing_platform.database import open_database
from sharing_platform.dependencies import PlatformContext
from sharing_platform.federation import neighbours
from sharing_platform.federation.keys import make_own_key
from sharing_platform.federation.models import ForwardedRequest, Neighbour, NeighbourItem, ReceivedRequest
from sharing_platform.federation.neighbours import NeighbourIn
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.permissions import Kind, Role
from tests import forked
from tests.platform_databases import sqlite_copy
from tests.servers import ROOT, answers, free_port, wait_for
from tests.sharing_platform.conftest import client
from tests.sharing_platform.federation.regions import ADMINISTRATOR
from tests.tcp_proxy import TcpProxy
from vrijloop.demo.forks import Fork

REGIONS = int(os.environ.get("VRIJLOOP_REGIONS", "2"))
ROUNDS = int(os.environ.get("VRIJLOOP_ROUNDS", "3"))
HOURS = 12
WAITING = ("asking", "held", "cancelling")
TOKEN = "a-token-of-the-factory"


@dataclass(frozen=True)
class _Context:
    """What of a platform's context adding a neighbour needs."""

    sessions: sessionmaker[Session]

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


@dataclass
class Running:
    """A region's platform behind a line that can be cut. `url`: of the line, which is its public address."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: Fork | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.line = TcpProxy(self.port)
        self.url = f"http://127.0.0.1:{self.line.port}"
        self.database = sqlite_copy(self.folder / "platform.sqlite")
        self.sessions = open_database(self.database)
        (self.folder / "tokens.json").write_text(json.dumps({"factory": TOKEN}))
        with self.sessions.begin() as session:
            self.public_key = make_own_key(session).public_text
        self.own = client(f"http://127.0.0.1:{self.port}", headers={"Authorization": f"Bearer {TOKEN}"})

    def agree(self, other: Running) -> None:
        context = cast("PlatformContext", _Context(self.sessions))
        wanted = NeighbourIn(name=other.name, url=other.url, public_key=other.public_key)
        neighbours.agree(context, ADMINISTRATOR, neighbours.add(context, ADMINISTRATOR, wanted))

    def start(self) -> None:
        platform = [
            "vrijloop", "platform", "--database", self.database, "--port", str(self.port), "--url", self.url,
            "--tokens-file", str(self.folder / "tokens.json"), "--mail", str(self.folder / "mail"),
        ]  # fmt: skip
        self.process = forked.start(platform, self.folder / "log", folder=ROOT)

    def wait(self) -> None:
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/api/v1/offers"), f"{self.name} to answer")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        self.kill()
        self.line.close()
        self.own.close()
        self.sessions.kw["bind"].dispose()

    def offer(self, start: datetime) -> None:
        body = {
            "factory": "factory", "machine": "mill-1", "start": start.isoformat(), "end": (start + timedelta(hours=HOURS)).isoformat(), "probability": 0.95,
            "checked": 10, "broken": 0, "minimum_hours": 1, "cancellation_hours": 0,
        }  # fmt: skip
        self.own.put("/api/v1/machines/factory/mill-1", json={"title": f"Mill of {self.name}"}).raise_for_status()
        self.own.put("/api/v1/offers/o1", json=body).raise_for_status()

    def seeker(self) -> httpx2.Client:
        now = datetime.now(UTC)
        with self.sessions.begin() as session:
            account, _ = accounts.get_or_create_account(session, f"an@{self.name}.example", "An", "en", now)
            account.confirmed = now
            made = directory.create_organisation(session, "startup", Kind.SEEKER, now)
            made.status = "approved"
            directory.put_member(session, made.id, account.id, Role.OWNER, now)
            secret = accounts.open_session(session, account, now)
        return client(f"http://127.0.0.1:{self.port}", cookies={"session": secret}, headers={"Sec-Fetch-Site": "same-origin"}, timeout=5)  # fmt: skip

    def rows(self, table: Any) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(select(table)))

    def answer_requests(self, chance: random.Random) -> None:
        with suppress(httpx2.HTTPError):
            for one in self.own.get("/api/v1/bookings", params={"state": "held"}).json()["bookings"]:
                step = chance.choice(("accepted", "declined", "accepted"))
                self.own.post(f"/api/v1/bookings/{one['id']}/state", json={"state": step, "hours": "offer"} if step == "declined" else {"state": step})  # fmt: skip


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    regions = [Running(f"region{number}", tmp_path / str(number)) for number in range(REGIONS)]
    try:
        for one in regions:
            for other in regions:
                if one is not other:
                    one.agree(other)
            one.start()
        for one in regions:
            one.wait()
        yield regions
    finally:
        for one in regions:
            one.close()


@pytest.mark.servers
@pytest.mark.long
@forked.ONE_PROCESS
def test_regions_that_are_cut_off_and_killed_book_nothing_twice(running: list[Running]) -> None:
    chance = random.Random(7)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    seekers = []
    for one in running:
        one.offer(start)
        seekers.append((one, one.seeker()))
    wait_for(lambda: all(len(one.rows(NeighbourItem)) == REGIONS - 1 for one in running), "all to know of all")

    for _ in range(ROUNDS):
        for one, seeker in seekers:
            _ask_somewhere(one, seeker, start, chance)
        _trouble(chance.choice(running), chance)
        for one in running:
            one.answer_requests(chance)
        if chance.random() < 0.5:
            _cancel_something(*chance.choice(seekers), chance)

    def settled() -> bool:
        for one in running:
            one.answer_requests(chance)
        return all(row.state not in WAITING for one in running for row in one.rows(ForwardedRequest))

    wait_for(settled, "every request to be answered")
    _check(running)
    one, *others = running
    one.kill()
    began = time.monotonic()
    assert others[0].own.get("/search?neighbours=yes").status_code == 200
    assert time.monotonic() - began < 2, "who is away keeps nobody waiting"
    for _, seeker in seekers:
        seeker.close()


def _ask_somewhere(one: Running, seeker: httpx2.Client, start: datetime, chance: random.Random) -> None:
    item = chance.choice(one.rows(NeighbourItem) or [None])
    if item is None:
        return
    first = start + timedelta(hours=chance.randrange(HOURS - 2))
    form = {"start": first.isoformat(), "end": (first + timedelta(hours=chance.choice((1, 2)))).isoformat()}
    with suppress(httpx2.HTTPError):
        seeker.post(f"/neighbours/{item.neighbour_id}/{item.kind}/{item.id}", data=form)


def _cancel_something(one: Running, seeker: httpx2.Client, chance: random.Random) -> None:
    asked = [row for row in one.rows(ForwardedRequest) if row.state in ("asking", "held", "accepted")]
    if asked:
        with suppress(httpx2.HTTPError):
            seeker.post(f"/neighbours/requests/{chance.choice(asked).id}/cancel")


def _trouble(one: Running, chance: random.Random) -> None:
    match chance.choice(("kill", "black_hole", "lost_answers", "cut")):
        case "kill":
            one.kill()
            one.start()
            one.wait()
        case "black_hole":
            one.line.black_hole.set()
        case "lost_answers":
            one.line.lost_answers.set()
        case "cut":
            one.line.cut_after(chance.randrange(100, 3000))
    deadline = time.monotonic() + chance.uniform(1, 3)
    wait_for(lambda: time.monotonic() > deadline, "a while to pass")
    one.line.heal()
    one.line.cut()


def _check(running: list[Running]) -> None:
    """No hour is booked twice, both sides say the same, and each seeker was told once."""
    for one in running:
        live = sorted((row.start, row.free_again) for row in one.rows(Booking) if row.state in LIVE)
        assert all(before[1] <= after[0] for before, after in pairwise(live)), f"{one.name}: an hour is booked twice"
    homes = {one.name: {row.id: row for row in one.rows(Booking)} for one in running}
    for one in running:
        names = {row.id: row.name for row in one.rows(Neighbour)}
        told: Counter[str] = Counter()
        for mail in (one.folder / "mail").glob("*.eml"):
            text = mail.read_text()
            told.update(word for word in text.split() if "/neighbours/requests/" in word)
        for row in one.rows(ForwardedRequest):
            home = homes[names[row.neighbour_id]]
            booked = [
                booking
                for booking in home.values()
                if booking.id in _bookings_for(running, names[row.neighbour_id], row.id)
            ]
            states = {booking.state for booking in booked} or {"refused", "cancelled"}
            assert len(booked) <= 1, "a request has one booking"
            assert row.state in states, (row.state, states)
            assert told[f"{one.url}/neighbours/requests/{row.id}"] <= 1 + (row.state == "cancelled"), "told once"


def _bookings_for(running: list[Running], home: str, request: str) -> set[str]:
    there = next(one for one in running if one.name == home)
    return {row.booking_id for row in there.rows(ReceivedRequest) if row.id == request and row.booking_id is not None}
