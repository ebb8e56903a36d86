"""A factory whose server takes part in the comparison, and a platform that keeps every byte that comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from analytics.comparison.contribution import FIGURES
from analytics.comparison.ledger import Ledger
from analytics.comparison.sender import ComparisonSender
from analytics.policy.policy import ComparisonTable, MachineTable, Policy
from analytics.publishing.network_figures import Contributed, ContributionRefusedError, Network, SpentMonth
from analytics.publishing.platform_client import PlatformUnavailableError
from stores import ReportBatch, StoredReport
from stores.duckdb_store import DuckDBStateStore
from telemetry import Clock, MachineState, StateInterval
from tests.analytics.rig import SetClock

NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
SHARES: dict[str, float | None] = dict.fromkeys(FIGURES, 0.5)
TAKES_PART = Policy(
    factory="hal-2",
    zone="UTC",
    machine={"mill-1": MachineTable(process="milling")},
    comparison=ComparisonTable(take_part=True),
)


class SeenPlatform:
    """Keeps every byte that comes."""

    def __init__(self) -> None:
        self.takes_part, self.left_by_people, self.away = False, False, False
        self.answers = True
        self.bodies: list[bytes] = []
        self.standing: dict[tuple[str, int], dict[str, int | None]] = {}
        self.spent: set[tuple[str, int]] = set()
        self.calls: list[str] = []

    def comparison(self) -> Network:
        self.calls.append("GET")
        standing = tuple(Contributed(*key, figures) for key, figures in self.standing.items())
        left = self.left_by_people or (bool(self.spent) and not self.takes_part)
        return Network(self.takes_part, left, standing, tuple(SpentMonth(*one) for one in sorted(self.spent)))

    def put_contribution(self, body: bytes) -> None:
        self.calls.append("PUT")
        if self.away:
            raise PlatformUnavailableError("The platform is away.")
        if self.left_by_people:
            raise ContributionRefusedError
        self.bodies.append(body)
        read = json.loads(body)
        self.standing[read["month"], read["process_class"]] = read["figures"]
        self.spent.add((read["month"], read["process_class"]))
        if not self.answers:
            raise PlatformUnavailableError("No answer came.")

    def set_comparison(self, takes_part: bool) -> None:
        self.calls.append(f"takes part: {takes_part}")
        self.takes_part = takes_part
        if not takes_part:
            self.standing.clear()


class Factory:
    """A factory's server as far as the comparison goes: four weeks of one mill, 16 hours a day."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckDBStateStore(folder / "states.duckdb")
        self.ledger = Ledger(folder / "comparison.sqlite")
        self.clock, self.platform, self.policy = SetClock(NOW), SeenPlatform(), TAKES_PART
        start = datetime(2026, 1, 30, tzinfo=UTC)
        states = (
            MachineState.NOT_AVAILABLE,
            MachineState.EXECUTING,
            MachineState.EXECUTING,
            MachineState.NOT_AVAILABLE,
        )
        edges = (0, 6, 14, 22, 24)
        reports = []
        for day in range(33):
            for place, state in enumerate(states):
                begin, end = (start + timedelta(days=day, hours=edge) for edge in edges[place : place + 2])
                reports.append(
                    StoredReport("hal-2", "mill-1", "gw", 4 * day + place + 1, StateInterval(state, begin, end))
                )
        self.store.write(ReportBatch.of(reports))
        self.sender = ComparisonSender(
            self.platform, self.ledger, self.store, lambda: self.policy, cast("Clock", self.clock)
        )

    def look(self, later: timedelta = timedelta(0)) -> None:
        self.clock.moment += later
        self.sender.look()

    def close(self) -> None:
        self.ledger.close()
        self.store.close()
