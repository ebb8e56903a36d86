"""Several weeks of three machines in a real InfluxDB, with the measurements computed by analytics, and queries as Grafana sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd

from analytics.cycle import CycleResult
from analytics.forecast.hourly import ForecastHours
from analytics.history.timeline import timeline
from analytics.policy.approvals import Approval
from analytics.policy.policy import Policy
from analytics.policy.slot import Slot
from analytics.publishing.platform_client import Booking
from analytics.publishing.publications import BOOKED, BROKEN, KEPT, Publications
from analytics.publishing.reconcile import Offer
from analytics.publishing.state import PublisherState
from analytics.summaries.writer import SummaryWriter
from ingest.gateways import GatewayStatus, GatewayWatch
from stores import GatewayLedger, Point, ReportBatch, StoredReport
from stores.influxdb_points import InfluxPoints
from stores.influxdb_store import InfluxDBStateStore
from stores.points import health_time
from telemetry import MachineState, OperationMode, StateInterval, SystemClock
from telemetry.broker import BrokerSettings
from telemetry.measurements import CERTIFICATE, INGEST
from tests.dashboards.test_dashboards import BOARDS
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database

NOW = datetime(2026, 4, 2, 13, 10, tzinfo=UTC)
"""A Thursday, 15:10 in Brussels, four days after the clocks were set forward."""
FIRST = date(2026, 2, 23)
DATABASE = "panels"
POLICY = Policy.model_validate(
    {
        "factory": "genk", "shifts": "3x8", "group": {"mills": {}, "lathes": {}}, "max_silence": "15min",
        "machine": {"m1": {"group": "mills", "price": {"per_hour": 50}}, "m2": {"group": "mills"}, "l1": {"group": "lathes"}},
    }
)  # fmt: skip


class Standing(SystemClock):
    """A clock that always shows `NOW`."""

    def now(self) -> datetime:
        return NOW


def reports() -> Iterator[StoredReport]:
    """Weeks of work that differ by machine, hour and day; m2 has been silent since noon, l1 never works on Fridays."""
    chance = np.random.default_rng(7)
    for machine, silent_from in (("m1", NOW), ("m2", NOW - timedelta(hours=3)), ("l1", NOW)):
        at, seq = datetime(2026, 2, 22, 23, tzinfo=UTC), 1
        while at < silent_from:
            length = timedelta(minutes=int(chance.integers(10, 300)))
            end = min(at + length, silent_from)
            working = 5 <= at.hour < 20 and at.weekday() < 5 and not (machine == "l1" and at.weekday() == 4)
            draw = chance.random()
            state, mode = MachineState.NOT_EXECUTING, None
            if working and draw < 0.6:
                state, mode = MachineState.EXECUTING, OperationMode.PROCESSING
            elif working and draw < 0.75:
                mode = OperationMode.SETUP
            elif working and draw < 0.85:
                state = MachineState.OUT_OF_SERVICE
            elif not working:
                state = MachineState.NOT_AVAILABLE
            if chance.random() > 0.03:
                yield StoredReport(
                    "genk", machine, "gw-1", seq, StateInterval(state, at, end, mode, power_w=500.0 + seq)
                )
            at, seq = end, seq + 1


@dataclass
class Filled:
    url: str
    spells: pd.DataFrame
    result: CycleResult

    def rows(
        self, query: str, start: datetime = NOW - timedelta(days=28), end: datetime = NOW, **variables: str
    ) -> list[dict[str, Any]]:
        """The query as Grafana sends it; `now()` is the time of the data."""
        chosen = {"factory": "genk", "group": ".*", "machine": ".*", "shift": ".*"} | variables
        for name, value in chosen.items():
            query = query.replace(f"/^${name}$/", f"/^({value})$/")
        span = f"time >= '{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}' AND time < '{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
        query = (
            query.replace("$timeFilter", span)
            .replace("$__interval", "1h")
            .replace("now()", f"'{NOW:%Y-%m-%dT%H:%M:%SZ}'")
        )
        asked = Request(f"{self.url}/query?{urlencode({'q': query, 'db': DATABASE, 'epoch': 's'})}")
        asked.add_header("Authorization", f"Token {INFLUX_TOKEN}")
        with urlopen(asked, timeout=20) as answer:
            said = json.load(answer)["results"][0]
        assert "error" not in said, f"{query}\n{said}"
        return [
            dict(zip(one["columns"], row, strict=True)) | one.get("tags", {})
            for one in said.get("series", [])
            for row in one["values"]
        ]

    def panel(self, board: str, title: str, target: int = 0, **more: Any) -> list[dict[str, Any]]:
        panel = next(one for one in BOARDS[f"en/{board}.json"]["panels"] if one["title"] == title)
        return self.rows(panel["targets"][target]["query"], **more)


def fill(influx_url: str, folder: Path) -> Iterator[Filled]:
    create_influx_database(influx_url, DATABASE)
    clock = Standing()
    store = InfluxDBStateStore(influx_url, DATABASE, INFLUX_TOKEN, INFLUX_ORG, clock=clock)
    points = InfluxPoints(influx_url, DATABASE, INFLUX_TOKEN, INFLUX_ORG)
    state, publications = PublisherState(folder / "publisher.sqlite"), Publications(folder / "publications.sqlite")
    everything = list(reports())
    store.write(ReportBatch.of(everything))
    day = NOW.replace(hour=0, minute=0)
    for number, (days_ago, outcome) in enumerate([(3, KEPT), (3, KEPT), (2, BROKEN), (1, BOOKED)]):
        start = day - timedelta(days=days_ago) + timedelta(hours=2 * number)
        slot = Slot("m1", start, start + timedelta(hours=2), 0.92, 10, 1)
        publications.record(Offer(str(number), slot), start - timedelta(days=1), start)
        (publication,) = publications.due_for_check(slot.end)
        publications.settle(publication.id, outcome)
    start = NOW.replace(minute=0) + timedelta(hours=6)
    slots = (
        Slot("m1", start, start + timedelta(hours=4), 0.95, 3, 1),
        Slot("l1", start, start + timedelta(hours=2), 0.9, 3, 0),
    )
    bookings = (
        Booking("b1", "m1", start + timedelta(hours=6), start + timedelta(hours=9)),
        Booking("b2", "m1", start + timedelta(hours=12), start + timedelta(hours=14), held=True),
    )
    state.set_bookings(bookings)
    state.set_approvals([Approval("a1", "m2", start, start + timedelta(hours=3), 0.88, "asked", start)])
    hours = tuple(NOW.replace(minute=0) + timedelta(hours=one) for one in range(24))
    forecast = ForecastHours(hours, {"m1": np.full(24, 0.75), "l1": np.full(24, 0.5)})
    result = CycleResult(NOW, slots, bookings=bookings, target_rate=0.05, forecast=forecast)

    class Heard(GatewayWatch):
        def gateways(self) -> list[GatewayStatus]:
            return [GatewayStatus("genk", "gw-1", False, NOW, 17, "0.1.0", 12)]

    watch = Heard(BrokerSettings(), "test", clock)
    ledger = [GatewayLedger("genk", "gw-1", len(everything), 4, 0, ((1, 4),))]
    worker = Point(
        INGEST, {"worker": "1"}, health_time(NOW),
        {"connected": 1, "failing": 0, "waiting": 2, "lag_s": 0.5, "latency_s": 1.5, "reports": 9, "quarantine": 3},
    )  # fmt: skip

    certificate = Point(
        CERTIFICATE, {"factory": "genk", "certificate": "The certificate of the platform"}, health_time(NOW), {"days_left": 29}
    )  # fmt: skip

    def writer() -> SummaryWriter:
        health = [worker, certificate]
        return SummaryWriter(
            store, points, state, publications, POLICY, clock, lambda: [*watch.points(ledger), *health]
        )

    # A late backlog and a restart change nothing but what they bring.
    first = writer()
    first.write_minute(result)
    before = NOW - timedelta(days=2)
    lain = Slot("m1", before + timedelta(hours=3, minutes=50), before + timedelta(hours=5, minutes=50), 0.9, 3, 0)
    first.write_round(
        CycleResult(
            before,
            (lain,),
            forecast=ForecastHours((before.replace(minute=0) + timedelta(hours=1),), {"m1": np.array([0.6])}),
        )
    )
    first.write_states()
    first.write_round(result)
    late = StoredReport(
        "genk",
        "m1",
        "gw-1",
        9999,
        StateInterval(MachineState.OUT_OF_SERVICE, day - timedelta(hours=30), day - timedelta(hours=29)),
    )
    store.write(ReportBatch.of([late]))
    second = writer()
    second.write_states()
    second.write_minute(result)
    second.write_round(result)
    begin = datetime.combine(FIRST, datetime.min.time(), tzinfo=UTC) - timedelta(hours=1)
    yield Filled(influx_url, timeline(store.intervals("genk", begin, NOW), begin, NOW), result)
    for part in (store, points, state, publications):
        part.close()
