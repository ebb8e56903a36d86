"""People who book hours while everything fails: two who want the same hour, and a factory that cancels what was booked before."""

from __future__ import annotations

import itertools
import random
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx2

from tests.faults.factory import FACTORY
from tests.faults.region import PUBLIC_URL, SEEKERS, Region
from tests.servers import NO_AUTHORITIES

_PATIENCE_S = 90.0
_PAUSE_S = 0.3
_TIMEOUT_S = 3.0
PART = timedelta(hours=1)


@dataclass
class Answered:
    """What somebody asked for, with which key, and what the platform said at last. `booking`: its id, None where somebody else has the hours."""

    who: str
    offer: str
    machine: str
    start: str
    key: str
    booking: str | None = None
    status: int = 0
    cancelled: bool = False


@dataclass
class Seekers:
    """All that was asked for in a region so far."""

    region: Region
    asked: list[Answered] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def run(self, seed: int, within_s: float) -> None:
        """Two ask for the same hour at the same time, within so many seconds; then what was booked before is cancelled."""
        chance = random.Random(f"seekers/{seed}")
        before = [one for one in self.asked if one.booking is not None and not one.cancelled]
        time.sleep(chance.uniform(0.5, within_s))
        offer = self._choose(chance)
        if offer is None:
            self.problems.append("no hours were on offer, so nothing could be booked")
            return
        window = chance.choice(offer["windows"])
        start = datetime.fromisoformat(window["start"])
        wanted = [Answered(who, offer["id"], offer["machine"], start.isoformat(), str(uuid.uuid4())) for who in SEEKERS]
        self.asked += wanted
        threads = [threading.Thread(target=self._book, args=(one,)) for one in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in before:
            self._cancel(one)

    def found_wrong(self) -> list[str]:
        """What of it is not as everybody was told. Mails may still be on their way."""
        return [*self._wrong_bookings(), *self._wrong_mails()]

    def booked(self) -> list[dict[str, Any]] | None:
        """What the platform has, for the factory; None where it does not answer."""
        answer = self.region.ask_platform("/api/v1/bookings", FACTORY, params={"limit": 1000})
        return list(answer.json()["bookings"]) if answer is not None else None

    def _choose(self, chance: random.Random) -> dict[str, Any] | None:
        answer = self._asked("GET", "/api/v1/offers", None, params={"limit": 1000})
        if answer is None:
            return None
        offers = sorted(answer.json()["offers"], key=lambda one: (one["machine"], one["start"]))
        return chance.choice(offers) if offers else None

    def _book(self, one: Answered) -> None:
        start = datetime.fromisoformat(one.start)
        body = {"start": one.start, "end": (start + PART).isoformat()}
        answer = self._asked(
            "POST", f"/api/v1/offers/{one.offer}/booking", one.who, json=body, headers={"Idempotency-Key": one.key}
        )
        if answer is None:
            self.problems.append(f"{one.who} got no answer for {_PATIENCE_S:g} s")
            return
        one.status = answer.status_code
        if answer.status_code == 201:
            one.booking = answer.json()["id"]
        elif answer.status_code not in (404, 409, 422):  # taken, withdrawn or shortened in the meantime
            self.problems.append(f"{one.who} was answered {answer.status_code}: {answer.text[:200]}")

    def _cancel(self, one: Answered) -> None:
        answer = self._asked("POST", f"/api/v1/bookings/{one.booking}/state", FACTORY, json={"state": "cancelled"})
        if answer is None or answer.status_code != 200:
            said = "nothing" if answer is None else f"{answer.status_code}: {answer.text[:200]}"
            self.problems.append(f"cancelling booking {one.booking} was answered {said}")
        one.cancelled = True

    def _asked(
        self, method: str, path: str, who: str | None, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx2.Response | None:
        """Ask until there is an answer, as a client does that knows of the key."""
        url = f"http://127.0.0.1:{self.region.links['seekers>platform'].port}{path}"
        sent = {**(headers or {}), **self.region.headers_of(who)}
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = httpx2.request(method, url, headers=sent, timeout=_TIMEOUT_S, verify=NO_AUTHORITIES, **options)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            except httpx2.HTTPError:
                pass
            time.sleep(_PAUSE_S)
        return None

    def _wrong_bookings(self) -> list[str]:
        found = self.booked()
        if found is None:
            return ["the platform does not tell its bookings"]
        wrong = []
        expected = {one.booking for one in self.asked if one.booking is not None and not one.cancelled}
        there = {one["id"] for one in found}
        wrong += [f"booking {one} was confirmed and is gone" for one in sorted(expected - there)]
        wrong += [f"booking {one} is there, and nobody was told" for one in sorted(there - expected)]
        hours = sorted((one["machine"], one["start"], one["end"], one["id"]) for one in found)
        for one, other in itertools.pairwise(hours):
            if one[0] == other[0] and other[1] < one[2]:
                wrong.append(f"{one[0]} is booked twice from {other[1]}: {one[3]} and {other[3]}")
        return wrong

    def _wrong_mails(self) -> list[str]:
        """Both parties are written to when hours are booked, and when they are cancelled."""
        told: dict[tuple[str, str], list[str]] = defaultdict(list)
        for file in (self.region.folder / "mail").glob("*.eml"):
            mail = message_from_bytes(file.read_bytes(), policy=default)
            body = mail.get_body(("plain",))
            text = body.get_content() if body is not None else ""
            for one in self.asked:
                if one.booking is not None and f"{PUBLIC_URL}/bookings/{one.booking}" in text:
                    told[str(mail["To"]), one.booking].append(str(mail["Subject"]))
        wrong = []
        for one in self.asked:
            if one.booking is None:
                continue
            for who in (self.region.address_of(FACTORY), self.region.address_of(one.who)):
                subjects = told[who, one.booking]
                if len(subjects) != 1 + one.cancelled or len(set(subjects)) != len(subjects):
                    wrong.append(
                        f"{who} was told {subjects or 'nothing'} of booking {one.booking}"
                        + (", which was cancelled" if one.cancelled else "")
                    )
        return wrong
