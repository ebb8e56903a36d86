"""The production store: InfluxDB 2.7 or newer, written by `/api/v2/write`, read with InfluxQL on `/query`.

Schema: measurement `machine_state`, tags `factory` and `machine`, time = `since`; fields `until_ms`, `state`, `mode`,
`power_w`, `reason`, `gateway`, `seq`. A point with the same tags and time overwrites, so a repeated report is harmless;
an older report that arrives late must not, so a key that this process has not written lately is looked up first.
Measurement `report_sequence`, tags `factory` and `gateway`, one point each: the ranges of numbers that arrived.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import httpx2
import pandas as pd
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from stores.sequences import SequenceRanges
from stores.state_store import (
    INTERVAL_COLUMNS,
    GatewayLedger,
    LatestState,
    StoredReport,
    StoreUnavailableError,
)
from telemetry import MachineState, OperationMode, StateInterval

_MEASUREMENT = "machine_state"
_LEDGER = "report_sequence"
_LEDGER_TIME_MS = 1000
_REMEMBERED_KEYS = 100_000
_TIMEOUT_S = 10.0

Key = tuple[str, str, int]
Version = tuple[int, int]


class InfluxDBStateStore:
    """A `StateStore` in one bucket. The token is sent as a header and stands in no message."""

    def __init__(self, url: str, bucket: str, token: str, org: str = "vrijloop") -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket
        self._org = org
        self._client = InfluxDBClient(url=self._url, token=token, org=org, timeout=int(_TIMEOUT_S * 1000))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = httpx2.Client(base_url=self._url, headers={"Authorization": f"Token {token}"}, timeout=_TIMEOUT_S)
        self._lock = Lock()
        self._written: OrderedDict[Key, Version] = OrderedDict()
        self._sequences: dict[tuple[str, str], tuple[SequenceRanges, int]] | None = None

    def write(self, reports: Sequence[StoredReport]) -> None:
        with self._lock:
            newest = self._newest(reports)
            self._look_up(key for key in newest if key not in self._written)
            points = []
            versions: dict[Key, Version] = {}
            for key, report in newest.items():
                version = (_milliseconds(report.interval.until), report.seq)
                if version > self._written.get(key, (-1, -1)):
                    points.append(_point(report))
                    versions[key] = version
            sequences = self._booked(reports)
            points += [_ledger_point(key, ranges, repeated) for key, (ranges, repeated) in sequences.items()]
            self._send(points)
            self._remember(versions)
            self._held_sequences().update(sequences)

    def intervals(
        self, factory: str, start: datetime, end: datetime, machines: Sequence[str] | None = None
    ) -> pd.DataFrame:
        condition = (
            f"factory = {_quoted(factory)} AND time < {_milliseconds(end)}ms AND until_ms >= {_milliseconds(start)}"
        )
        if machines is not None:
            if not machines:
                return _frame([])
            condition += " AND (" + " OR ".join(f"machine = {_quoted(name)}" for name in machines) + ")"
        series = self._query(
            f"SELECT until_ms, state, mode, power_w FROM {_MEASUREMENT} WHERE {condition} GROUP BY machine"
        )
        rows = [
            (one["tags"]["machine"], since, until, state, mode or None, power_w)
            for one in sorted(series, key=lambda one: str(one["tags"]["machine"]))
            for since, until, state, mode, power_w in one["values"]
        ]
        return _frame(rows)

    def latest(self, factory: str) -> list[LatestState]:
        series = self._query(
            f"SELECT until_ms, state, mode, power_w, reason FROM {_MEASUREMENT} "
            f"WHERE factory = {_quoted(factory)} GROUP BY machine ORDER BY time DESC LIMIT 1"
        )
        return sorted(
            (LatestState(factory, one["tags"]["machine"], _interval(*one["values"][0])) for one in series),
            key=lambda latest: latest.machine,
        )

    def ledger(self) -> list[GatewayLedger]:
        with self._lock:
            return [
                GatewayLedger(factory, gateway, held.count, held.missing, repeated, tuple(held.gaps))
                for (factory, gateway), (held, repeated) in sorted(self._held_sequences().items())
            ]

    def close(self) -> None:
        self._writer.close()
        self._client.close()
        self._http.close()

    def _newest(self, reports: Sequence[StoredReport]) -> dict[Key, StoredReport]:
        newest: dict[Key, StoredReport] = {}
        for report in reports:
            key = (report.factory, report.machine, _milliseconds(report.interval.since))
            held = newest.get(key)
            if held is None or (report.interval.until, report.seq) > (held.interval.until, held.seq):
                newest[key] = report
        return newest

    def _look_up(self, keys: Any) -> None:
        """Learn what stands in the store for keys that this process has not written itself."""
        wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
        for factory, machine, since in keys:
            wanted[factory, machine].append(since)
        for (factory, machine), times in wanted.items():
            found = self._query(
                f"SELECT until_ms, seq FROM {_MEASUREMENT} WHERE factory = {_quoted(factory)} AND "
                f"machine = {_quoted(machine)} AND time >= {min(times)}ms AND time <= {max(times)}ms"
            )
            for one in found:
                self._remember({(factory, machine, since): (until, seq) for since, until, seq in one["values"]})

    def _remember(self, versions: dict[Key, Version]) -> None:
        for key, version in versions.items():
            self._written[key] = version
            self._written.move_to_end(key)
        while len(self._written) > _REMEMBERED_KEYS:
            self._written.popitem(last=False)

    def _held_sequences(self) -> dict[tuple[str, str], tuple[SequenceRanges, int]]:
        if self._sequences is None:
            self._sequences = {
                (one["tags"]["factory"], one["tags"]["gateway"]): (
                    SequenceRanges([(first, last) for first, last in json.loads(ranges)]),
                    repeated,
                )
                for one in self._query(f"SELECT ranges, repeated FROM {_LEDGER} GROUP BY factory, gateway")
                for _, ranges, repeated in one["values"]
            }
        return self._sequences

    def _booked(self, reports: Sequence[StoredReport]) -> dict[tuple[str, str], tuple[SequenceRanges, int]]:
        arrived: dict[tuple[str, str], list[int]] = defaultdict(list)
        for report in reports:
            arrived[report.factory, report.gateway].append(report.seq)
        held = self._held_sequences()
        booked = {}
        for key, seqs in arrived.items():
            before, repeated = held.get(key, (SequenceRanges(), 0))
            ranges = SequenceRanges(list(before.ranges))
            booked[key] = (ranges, repeated + ranges.add(seqs))
        return booked

    def _send(self, points: list[Point]) -> None:
        try:
            self._writer.write(bucket=self._bucket, org=self._org, record=points, write_precision=WritePrecision.MS)
        except (ApiException, HTTPError, OSError) as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} did not take a batch: {_short(error)}") from error

    def _query(self, query: str) -> list[dict[str, Any]]:
        try:
            answer = self._http.get("/query", params={"db": self._bucket, "q": query, "epoch": "ms"})
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} did not answer a query: {_short(error)}") from error
        result = answer.json()["results"][0]
        if "error" in result:
            raise StoreUnavailableError(f"InfluxDB at {self._url} refused a query: {result['error']}")
        return list(result.get("series", []))


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _from_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _point(report: StoredReport) -> Point:
    interval = report.interval
    point = (
        Point(_MEASUREMENT)
        .tag("factory", report.factory)
        .tag("machine", report.machine)
        .time(_milliseconds(interval.since), WritePrecision.MS)
        .field("until_ms", _milliseconds(interval.until))
        .field("state", interval.state.value)
        .field("mode", interval.mode.value if interval.mode else "")
        .field("reason", interval.reason or "")
        .field("gateway", report.gateway)
        .field("seq", report.seq)
    )
    if interval.power_w is not None:
        point.field("power_w", float(interval.power_w))
    return point


def _ledger_point(key: tuple[str, str], ranges: SequenceRanges, repeated: int) -> Point:
    return (
        Point(_LEDGER)
        .tag("factory", key[0])
        .tag("gateway", key[1])
        .time(_LEDGER_TIME_MS, WritePrecision.MS)
        .field("ranges", json.dumps(ranges.ranges))
        .field("repeated", repeated)
    )


def _interval(
    since: int, until: int, state: str, mode: str | None, power_w: float | None, reason: str | None
) -> StateInterval:
    return StateInterval(
        MachineState(state),
        _from_milliseconds(since),
        _from_milliseconds(until),
        OperationMode(mode) if mode else None,
        power_w,
        reason or None,
    )


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=INTERVAL_COLUMNS)
    for column in ("since", "until"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True).astype("datetime64[us, UTC]")
    frame["power_w"] = frame["power_w"].astype("float64")
    return frame
