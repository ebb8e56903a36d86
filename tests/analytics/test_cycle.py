"""Rounds of analytics over a real store and a real platform: offered once, withdrawn when no longer free, never booked hours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from analytics.cycle import Analytics, CycleResult
from analytics.policy.calendar_feeds import CalendarFeeds
from analytics.policy.policy import MachineTable, Policy, parse_offered_hours
from analytics.publishing.platform_client import HttpSharingPlatform, MachineCard, PlatformUnavailableError
from analytics.publishing.publications import Publications
from analytics.publishing.publisher import Publisher
from analytics.publishing.state import PublisherState
from sharing_platform.app import PlatformSettings, create_app
from stores import ReportBatch, StoredReport
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval
from tests.analytics.tables import utc
from tests.servers import free_port, serving

RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
TOKENS = {"hal-2": "secret", "start-up": "secret-of-start-up"}
STARTUP = {"Authorization": "Bearer secret-of-start-up"}
POLICY = Policy(factory="hal-2", zone="UTC", holidays="", notice=timedelta(0), required_probability=0.5)


class SetClock:
    """Stands where the test puts it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@dataclass
class House:
    """A store, a platform over HTTP, and analytics between them."""

    folder: Path
    url: str
    clock: SetClock
    policy: Policy = POLICY
    store: DuckDBStateStore = field(init=False)
    http: httpx2.Client = field(init=False)
    _seq: int = 0

    def __post_init__(self) -> None:
        self.store = DuckDBStateStore(self.folder / "store.duckdb")
        self.http = httpx2.Client(base_url=self.url)
        self.platform = HttpSharingPlatform(self.url, "secret")
        self.publications = Publications(self.folder / "publications.sqlite")
        self.state = PublisherState(self.folder / "publisher.sqlite")

    def report(self, machine: str, state: MachineState, since: datetime, until: datetime) -> None:
        self._seq += 1
        interval = StateInterval(state, since, until)
        self.store.write(ReportBatch.of([StoredReport("hal-2", machine, "gw-1", self._seq, interval)]))

    def two_shifts(self, machine: str, weeks: int = 8) -> None:
        """Runs from 06:00 to 22:00 on weekdays, up to the clock's moment."""
        now, day = self.clock.now(), self.clock.now() - timedelta(weeks=weeks)
        day = day.replace(hour=0, minute=0)
        cursor = day
        while cursor < now:
            busy = cursor.weekday() < 5 and 6 <= cursor.hour < 22
            later = cursor + timedelta(hours=1)
            while later < now and (later.weekday() < 5 and 6 <= later.hour < 22) == busy:
                later += timedelta(hours=1)
            self.report(machine, RUN if busy else WAIT, cursor, min(later, now))
            cursor = later

    def cycle(self) -> CycleResult:
        return self.analytics().run_cycle()

    def analytics(self) -> Analytics:
        """As after a restart: what it knows is what is kept."""
        clock: Any = self.clock
        publisher = Publisher(
            self.platform,
            self.state,
            self.publications,
            self.policy,
            clock,
            lambda: [one.machine for one in self.store.latest("hal-2")],
        )
        feeds = CalendarFeeds(self.policy, self.folder / "calendars")
        return Analytics(self.store, publisher, self.state, self.publications, self.policy, clock, feeds)

    def offers(self) -> dict[str, tuple[str, str, str]]:
        found = self.http.get("/api/v1/offers", params={"limit": 1000}).json()["offers"]
        return {one["id"]: (one["machine"], one["start"], one["end"]) for one in found}

    def close(self) -> None:
        self.store.close()
        self.publications.close()
        self.state.close()
        self.platform.close()
        self.http.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = SetClock(utc(2, 12, month=3))  # a Monday at noon
    app = create_app(PlatformSettings(f"sqlite:///{tmp_path}/platform.sqlite", TOKENS, "UTC"), clock.now)
    with serving(app) as url:
        built = House(tmp_path, url, clock)
        yield built
        built.close()


def test_the_same_slot_is_never_offered_twice(house: House) -> None:
    house.two_shifts("lathe-2")
    first = house.cycle()
    offered = house.offers()
    assert first.put == len(first.slots) == len(offered) > 0
    again = house.cycle()
    assert (again.put, again.withdrawn) == (0, 0)
    assert house.offers() == offered


def test_a_slot_that_is_no_longer_free_is_withdrawn(house: House) -> None:
    house.two_shifts("lathe-2")
    house.cycle()
    before = house.offers()
    # The factory changes its mind: nights are its own from now on.
    house.policy = POLICY.model_copy(update={"offered": (parse_offered_hours("sat-sun 00:00-24:00"),)})
    result = house.cycle()
    after = house.offers()
    assert result.withdrawn > 0
    assert len(after) < len(before)
    assert all(datetime.fromisoformat(start).weekday() >= 5 for _, start, _ in after.values())
    gone = next(iter(set(before) - set(after)))
    assert house.http.get(f"/api/v1/offers/{gone}").json()["status"] == "withdrawn"


def test_a_machine_that_nobody_hears_is_not_offered(house: House) -> None:
    house.two_shifts("lathe-2")
    assert house.cycle().slots
    house.clock.moment += timedelta(minutes=16)
    assert house.cycle().slots == ()
    assert house.offers() == {}


def test_booked_hours_leave_what_is_spare(house: House) -> None:
    house.two_shifts("lathe-2")
    house.cycle()
    chosen, (_, start, end) = next(iter(house.offers().items()))
    done = house.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP)
    assert done.status_code == 201
    result = house.cycle()
    assert [one.machine for one in result.bookings] == ["lathe-2"]
    assert not any(s < end and start < e for _, s, e in house.offers().values())
    assert chosen not in house.offers()


def test_without_a_record_nothing_is_offered(house: House) -> None:
    house.two_shifts("lathe-2", weeks=2)
    assert house.cycle().slots == ()


def test_a_vetoed_machine_is_not_offered(house: House) -> None:
    house.two_shifts("lathe-2")
    house.two_shifts("mill-1")
    house.policy = POLICY.model_copy(update={"machine": {"mill-1": MachineTable(offer=False)}})
    assert {slot.machine for slot in house.cycle().slots} == {"lathe-2"}


def test_promises_are_checked_when_their_time_has_passed(house: House) -> None:
    house.two_shifts("lathe-2")
    house.cycle()
    slots = sorted((start, end) for _, start, end in house.offers().values())
    night_start, night_end = (datetime.fromisoformat(text) for text in slots[0])
    # The first night is worked through, against all habit; the second is free as ever.
    house.report("lathe-2", RUN, house.clock.now(), night_end)
    house.report("lathe-2", WAIT, night_end, datetime.fromisoformat(slots[1][1]))
    house.clock.moment = datetime.fromisoformat(slots[1][1])
    result = house.cycle()
    assert result.promised.broken == 1
    assert result.aimed_at == house.policy.max_broken_promises, "one of a few is no trend yet"
    assert night_start > utc(2, month=3)


def test_a_platform_that_is_away_is_said(house: House) -> None:
    house.two_shifts("lathe-2")
    house.platform = HttpSharingPlatform(f"http://127.0.0.1:{free_port()}", "secret")
    result = house.cycle()
    assert "no answer" in str(result.away)
    assert result.slots, "what should be offered is known all the same"


def test_a_wrong_token_is_said_without_being_shown(house: House) -> None:
    house.platform = HttpSharingPlatform(house.url, "wrong-token")
    with pytest.raises(PlatformUnavailableError, match="401") as refused:
        house.platform.put_machine("hal-2", MachineCard("m", "M", "", "unknown", None))
    assert "wrong-token" not in str(refused.value)


def test_the_port_of_nobody_is_nobody(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(PlatformUnavailableError):
            HttpSharingPlatform(f"http://127.0.0.1:{probe.getsockname()[1]}", "x").bookings("hal-2")
