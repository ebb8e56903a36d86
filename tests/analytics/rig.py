"""Analytics between a DuckDB store and a sharing platform served over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from analytics.cycle import Analytics, CycleResult
from analytics.policy.calendar_feeds import CalendarFeeds
from analytics.policy.policy import Policy
from analytics.publishing.platform_client import HttpSharingPlatform
from analytics.publishing.publications import Publications
from analytics.publishing.publisher import Publisher
from analytics.publishing.state import PublisherState
from stores import ReportBatch, StoredReport
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval

RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
TOKENS = {"hal-2": "secret", "start-up": "secret-of-start-up"}
STARTUP = {"Authorization": "Bearer secret-of-start-up"}
POLICY = Policy(factory="hal-2", zone="UTC", holidays="", notice=timedelta(0), required_probability=0.5)


class SetClock:
    """A clock whose time the test sets."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@dataclass
class Rig:
    """A store, a platform over HTTP, and analytics between them."""

    folder: Path
    url: str
    clock: SetClock
    policy: Policy = POLICY
    has_platform: bool = True
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
        self.store.write(ReportBatch.of([self._next(machine, state, since, until)]))

    def _next(self, machine: str, state: MachineState, since: datetime, until: datetime) -> StoredReport:
        self._seq += 1
        return StoredReport("hal-2", machine, "gw-1", self._seq, StateInterval(state, since, until))

    def two_shifts(self, machine: str, weeks: int = 6) -> None:
        """Let a machine run from 06:00 to 22:00 on weekdays, up to the clock's time."""
        now, day = self.clock.now(), self.clock.now() - timedelta(weeks=weeks)
        day = day.replace(hour=0, minute=0)
        cursor, reports = day, []
        while cursor < now:
            busy = cursor.weekday() < 5 and 6 <= cursor.hour < 22
            later = cursor + timedelta(hours=1)
            while later < now and (later.weekday() < 5 and 6 <= later.hour < 22) == busy:
                later += timedelta(hours=1)
            reports.append(self._next(machine, RUN if busy else WAIT, cursor, min(later, now)))
            cursor = later
        self.store.write(ReportBatch.of(reports))

    def cycle(self) -> CycleResult:
        return self.analytics().run_cycle()

    def analytics(self) -> Analytics:
        """A new instance, as after a restart: it knows only what is stored."""
        clock: Any = self.clock
        publisher = Publisher(
            self.platform if self.has_platform else None,
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
