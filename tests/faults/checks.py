"""What must be true once all faults of a schedule are over."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from telemetry import MachineState, SystemClock
from tests.faults.factory import FACTORY, NOTICE, SHORTEST, SUREST, offered_hours
from tests.faults.player import Player
from tests.faults.region import Region
from tests.faults.seekers import Seekers
from tests.faults.shop_floor import MACHINES, spells_of
from tests.faults.truth import Spell, differences

BACK_S = 90.0
"""Within which everybody is back and everything is stored: longer than any back-off or time-out of the parts."""
MAILS_S = 150.0
"""A platform that was killed while it sent a mail sends it after two minutes, when the mail is no longer claimed."""
_LATE = timedelta(minutes=20)
"""A clock may have been wrong when an offer was made, and quarters are rounded."""
_EVERY_S = 0.2
_CLOCK = SystemClock()
_AGENTS = ("agent-1", "agent-2")


@dataclass
class Outcome:
    """`problems`: what is not as it must be. `back_s`: seconds until each was well again after the last fault."""

    problems: list[str] = field(default_factory=list)
    back_s: dict[str, float] = field(default_factory=dict)


def check(region: Region, player: Player, seekers: Seekers, began: datetime) -> Outcome:
    """Wait for all to come back, then compare. `began`: from when on what is stored is compared."""
    outcome = Outcome()
    outcome.problems += seekers.problems
    _all_back(region, outcome)
    if outcome.problems:
        return outcome  # the rest would only say the same again
    end = _CLOCK.now()
    steps: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: _ledger(region),
        lambda: _stored_until(region, end),
        lambda: _truth(region, player, began, end),
        lambda: _offers(region, seekers),
        lambda: _until_right(seekers.found_wrong, MAILS_S),
        lambda: _tracebacks(region),
    )
    for step in steps:
        outcome.problems += step()
    return outcome


def _all_back(region: Region, outcome: Outcome) -> None:
    began, waiting = time.monotonic(), list(region.setup.processes)
    while waiting and time.monotonic() - began < BACK_S:
        for name in [one for one in waiting if region.is_well(one)]:
            outcome.back_s[name] = round(time.monotonic() - began, 1)
            waiting.remove(name)
        time.sleep(_EVERY_S)
    outcome.problems += [
        f"{name} is not back {BACK_S:g} s after the last fault{_why(region, name)}" for name in waiting
    ]


def _why(region: Region, name: str) -> str:
    """What the server itself says of it."""
    if name != "server":
        return ""
    status = region.server_status()
    if status is None:
        return ": it does not tell its status"
    failing = "; ".join(f"{task['task']} fails: {task['why']}" for task in status["failing_tasks"])
    return f": {failing or 'it has no connection to the broker'}"


def _until_right(found_wrong: Callable[[], list[str]], seconds: float = BACK_S) -> list[str]:
    """What is still wrong after so long."""
    deadline = time.monotonic() + seconds
    while (wrong := found_wrong()) and time.monotonic() < deadline:
        time.sleep(_EVERY_S)
    return wrong


def _ledger(region: Region) -> list[str]:
    """Every number that an agent had given is stored, once all of it has come."""
    last = {name: status["outbox"]["last_seq"] for name in _AGENTS if (status := region.agent_status(name)) is not None}

    def wrong() -> list[str]:
        status = region.server_status()
        if status is None:
            return ["the server does not tell what is stored"]
        ledger = {one["gateway"]: one for one in status["gateways"]}
        found = ["messages are in quarantine"] if status["quarantined"] else []
        for name in _AGENTS:
            entry = ledger.get(name, {"ranges": [], "missing": 0, "given_up": 0, "gaps": []})
            highest = max((end for _, end in entry["ranges"]), default=0)
            if entry["missing"] or entry["given_up"]:
                found.append(
                    f"{name}: {entry['missing']} numbers are missing ({entry['gaps'][:3]}), {entry['given_up']} given up"
                )
            if highest < last.get(name, 1):
                found.append(f"{name}: {highest} of {last.get(name)} numbers are stored")
        return found

    return _until_right(wrong)


def _stored_until(region: Region, end: datetime) -> list[str]:
    def wrong() -> list[str]:
        answer = region.ask_server("/api/v1/machines")
        if answer is None or answer.status_code != 200:
            return ["the server does not tell the machines' states"]
        until = {one["machine"]: datetime.fromisoformat(one["until"]) for one in answer.json()["machines"]}
        late = {one.name: until.get(one.name) for one in MACHINES}
        return [f"{name} is known until {at}, not until {end}" for name, at in late.items() if at is None or at < end]

    return _until_right(wrong)


def _truth(region: Region, player: Player, began: datetime, end: datetime) -> list[str]:
    found: list[str] = []
    for machine in MACHINES:
        query = {"machine": machine.name, "start": began.isoformat(), "end": end.isoformat(), "limit": 10_000}
        answer = region.ask_server("/api/v1/intervals", params=query)
        if answer is None or answer.status_code != 200:
            found.append(f"the server does not tell the intervals of {machine.name}")
            continue
        stored = [
            Spell(MachineState(one["state"]), datetime.fromisoformat(one["start"]), datetime.fromisoformat(one["end"]))
            for one in answer.json()["intervals"]
        ]
        truth = spells_of(region.scripts[machine.name], began, end)
        found += map(str, differences(machine.name, truth, stored, player.excuses(machine.name), machine.tolerance))
    return found


def _offers(region: Region, seekers: Seekers) -> list[str]:
    """By the policy, by the bookings, and as the server wants them."""

    def wrong() -> list[str]:
        asked = region.ask_server("/api/v1/cycle", "POST")
        answer = region.ask_platform("/api/v1/offers", FACTORY, params={"limit": 1000})
        wanted, booked = region.ask_server("/api/v1/slots"), seekers.booked()
        if asked is None or answer is None or wanted is None or booked is None:
            return ["server or platform do not answer"]
        offers, slots = answer.json()["offers"], wanted.json()["slots"]
        found = [] if offers else ["nothing is on offer"]
        if _windows(offers) != _windows(slots):
            more, less = _windows(offers) - _windows(slots), _windows(slots) - _windows(offers)
            found.append(
                f"what is on offer is not what the server wants: too much {sorted(more)[:2]}, missing {sorted(less)[:2]}"
            )
        hours = offered_hours(region.began)
        return found + [sentence for offer in offers for sentence in _against_policy(offer, hours, booked)]

    return _until_right(wrong)


def _windows(rows: list[dict[str, Any]]) -> set[tuple[str, datetime, datetime]]:
    return {(row["machine"], *_span(one)) for row in rows for one in row["windows"]}


def _span(row: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])


def _against_policy(offer: dict[str, Any], hours: set[int], booked: list[dict[str, Any]]) -> list[str]:
    found, name = [], f"{offer['machine']} from {offer['start']} to {offer['end']}"
    for window in offer["windows"]:
        start, end = _span(window)
        quarters = [start + timedelta(minutes=15) * place for place in range((end - start) // timedelta(minutes=15))]
        if start < _CLOCK.now() + NOTICE - _LATE:
            found.append(f"{name} begins too soon")
        if end - start < SHORTEST:
            found.append(f"{name} is shorter than the policy allows")
        if window["probability"] < SUREST:
            found.append(f"{name} is not sure enough")
        if any(quarter.hour not in hours for quarter in quarters):
            found.append(f"{name} is not within the offered hours")
        taken = [_span(one) for one in booked if one["machine"] == offer["machine"]]
        found += [f"{name} is on offer and booked" for first, last in taken if first < end and start < last]
    return found


def _tracebacks(region: Region) -> list[str]:
    """What nobody expected: each error that people can do something about is a sentence."""
    found = []
    for name in region.setup.ours:
        said = region.log(name).read_text(encoding="utf-8", errors="replace")[region.read_so_far.get(name, 0) :]
        region.read_so_far[name] = region.read_so_far.get(name, 0) + len(said)
        lines = said.splitlines()
        for place, line in enumerate(lines):
            if line.startswith("Traceback"):
                last = next(
                    (
                        one
                        for one in itertools.islice(lines, place + 1, None)
                        if one and not one.startswith((" ", "\t"))
                    ),
                    "?",
                )
                found.append(f"{name} has a traceback in its log: {last[:200]}")
    return sorted(set(found))
