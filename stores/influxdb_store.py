"""The production store: InfluxDB 2.7 or newer, written by `/api/v2/write`, read with InfluxQL on `/query`.

Measurement `machine_state`: tags `factory`, `machine`, `worker`; time = `since`; fields `until_ms`, `state`, `mode`,
`power_w`, `reason`, `gateway`, `seq`. A point with the same tags and time overwrites, so a repeated report is harmless.
An older report that arrives late must not overwrite a newer one, and InfluxDB cannot compare. Therefore each ingest worker has its own
series and remembers what it wrote there, and readers use the greatest (until, seq) of all workers' points with the same `since`.

Measurement `report_sequence`: tags `factory`, `gateway`, `worker`; one point per day; the ranges of sequence numbers known to this worker.
Workers merge each other's ranges every second, so that there are few; the ledger is the union of all.

Measurement `state_written`: tags `factory`, `machine`, `worker`; time = when a batch was written; field `since_ms`, the earliest interval
in it. Analytics uses it to find the hours to read again.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from stores.influxdb_answers import PointsTooOldError, Series
from stores.influxdb_connection import InfluxConnection, and_machine_in, escaped, portions, quoted
from stores.influxdb_reader import COMPLETE, MEASURED, NUMBERED, PLAIN, REASONED, StateReader
from stores.influxdb_rows import Columns, newest_per_machine
from stores.influxdb_shards import within_shards
from stores.ledger import Gateway, LedgerEntry, entries_with_batch, entries_with_ledger, has_forgotten, ranges_held
from stores.report_batch import MODES, STATES, ReportBatch, from_milliseconds, interval_of, to_epoch_milliseconds
from stores.sequences import MAX_RANGES, SequenceRanges
from stores.state_store import GatewayLedger, LatestState
from telemetry import Clock, SystemClock
from telemetry.measurements import OF_MACHINES, STATE
from telemetry.ranges import Range

LEDGER = "report_sequence"
WRITTEN = "state_written"

_REMEMBERED_KEYS = 100_000
_LINES_PER_REQUEST = 25_000
_LOOK_EVERY = timedelta(seconds=1)
_MERGE_AFTER_RANGES = MAX_RANGES // 4
"""New ranges of one gateway after which the other workers' are merged at once: what looks missing here has mostly been stored there."""
_CURSOR_OVERLAP = timedelta(minutes=1)
"""Allowance for the difference between workers' clocks and for the duration of a write, so that a cursor misses nothing."""

Machine = tuple[str, str]
Key = tuple[str, str, int]
Version = tuple[int, int]

_STATE_WORDS = [item.value for item in STATES]
_MODE_WORDS = [*(item.value for item in MODES), ""]  # NO_MODE is -1, the last item


class InfluxDBStateStore:
    """A `StateStore` in one bucket. `worker`: name of the series that this process writes; all series are read."""

    def __init__(
        self,
        url: str,
        bucket: str,
        token: str,
        org: str = "vrijloop",
        worker: str = "1",
        clock: Clock | None = None,
    ) -> None:
        self._connection = InfluxConnection(url, bucket, token, org)
        self._reader = StateReader(self._connection)
        self._worker = worker
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._versions: OrderedDict[Key, Version] = OrderedDict()
        self._newest: dict[Machine, int] = {}
        self._sequences: dict[Gateway, LedgerEntry] | None = None
        self._ranges_after_merge: dict[Gateway, int] = {}
        self._last_written_ms = 0
        self._interruptions = 0
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def write(self, batch: ReportBatch) -> None:
        if not len(batch):
            return
        with self._lock:
            self._look()
            self._put(batch)
            # After the intervals: a process killed in between leaves no number in the ledger whose report is not stored.
            self._record(entries_with_batch(self._held_sequences(), batch.seqs_per_gateway()))

    def restore(self, records: pd.DataFrame) -> int:
        if records.empty:
            return 0
        with self._lock:
            self._look()
            return self._put(ReportBatch.from_records(records), leave_out_old=True)

    def intervals(
        self,
        factory: str,
        start: datetime,
        end: datetime,
        machines: Sequence[str] | None = None,
        *,
        power: bool = False,
    ) -> pd.DataFrame:
        if machines is not None and not machines:
            return Columns(MEASURED if power else PLAIN).intervals()
        first, last = to_epoch_milliseconds(start), to_epoch_milliseconds(end)
        between, each = f"time >= {first}ms AND time < {last}ms", within_shards(first, last)
        before = f"factory = {quoted(factory)}{and_machine_in(machines)} AND time < {first}ms"
        earlier = newest_per_machine(self._reader.newest(before, MEASURED if power else NUMBERED))
        names = self._reader.machines(factory, between) if machines is None else machines
        found = self._reader.columns(factory, dict.fromkeys(names, each), MEASURED if power else PLAIN)
        for machine, row in earlier:
            if row.until >= first:
                found.add_earlier(machine, row)
        return found.intervals()

    def cursor(self) -> str:
        return str(round(self._clock.now().timestamp() * 1e9))

    def changed_since(self, factory: str, cursor: str) -> tuple[pd.DataFrame, str]:
        following = self.cursor()
        since = int(cursor) - int(_CURSOR_OVERLAP.total_seconds() * 1e9)
        touched = self._connection.ask(
            f"SELECT min(since_ms) FROM {WRITTEN} WHERE factory = {quoted(factory)} AND time > {since} GROUP BY machine"
        )
        wanted = {series.tags["machine"]: [f"time >= {int(series.values[0][1])}ms"] for series in touched}
        return self._reader.columns(factory, wanted, PLAIN).intervals(), following

    def records(self, factory: str, start: datetime, end: datetime, machines: Sequence[str]) -> pd.DataFrame:
        each = within_shards(to_epoch_milliseconds(start), to_epoch_milliseconds(end))
        return self._reader.columns(factory, dict.fromkeys(machines, each), COMPLETE).records(factory)

    def latest(self, factory: str) -> list[LatestState]:
        found = self._reader.newest(f"factory = {quoted(factory)}", REASONED)
        return [
            LatestState(
                factory,
                machine,
                interval_of(row.since, row.until, row.state, row.mode, row.power_w, row.reason),
            )
            for machine, row in newest_per_machine(found)
        ]

    def factories(self) -> list[str]:
        found = self._connection.ask(f"SHOW TAG VALUES FROM {STATE} WITH KEY = factory")
        return sorted({str(values[1]) for series in found for values in series.values})

    def earliest(self, factory: str) -> datetime | None:
        found = self._connection.ask(
            f"SELECT until_ms FROM {STATE} WHERE factory = {quoted(factory)} ORDER BY time ASC LIMIT 1"
        )
        return from_milliseconds(found[0].values[0][0]) if found else None

    def ledger(self) -> list[GatewayLedger]:
        merged: dict[Gateway, LedgerEntry] = {}
        for key, entries in self._all_ledgers().items():
            held = SequenceRanges()
            held.join(*(ranges for ranges, _ in entries.values()))
            merged[key] = (held, sum(repeated for _, repeated in entries.values()))
        return [GatewayLedger.of(key, *one) for key, one in sorted(merged.items())]

    def stored_ranges(self, gateways: Collection[Gateway]) -> dict[Gateway, list[Range]]:
        with self._lock:
            self._look()
            return ranges_held(self._held_sequences(), gateways)

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        with self._lock:
            self._look()
            self._record(entries_with_ledger(self._held_sequences(), ledger))

    def delete_machine(self, factory: str, machine: str) -> None:
        where = f"factory = {quoted(factory)} AND machine = {quoted(machine)}"
        with self._lock:
            self._connection.change([f"DELETE FROM {name} WHERE {where}" for name in (*OF_MACHINES, WRITTEN)])
            self._newest.pop((factory, machine), None)
            for key in [key for key in self._versions if key[:2] == (factory, machine)]:
                del self._versions[key]

    def delete_before(self, moment: datetime) -> None:
        limit = to_epoch_milliseconds(moment)
        statements = []
        for factory in self.factories():
            newest = {latest.machine: to_epoch_milliseconds(latest.interval.since) for latest in self.latest(factory)}
            before = self._reader.newest(f"factory = {quoted(factory)} AND time < {limit}ms", NUMBERED)
            for machine, row in newest_per_machine(before):
                kept = row.until >= limit or newest.get(machine) == row.since
                statements.append(
                    f"DELETE FROM {STATE} WHERE factory = {quoted(factory)} AND machine = {quoted(machine)} "
                    f"AND time < {row.since if kept else row.since + 1}ms"
                )
        with self._lock:
            for some in portions(statements):
                self._connection.change(some)

    def close(self) -> None:
        self._connection.close()

    def _in_requests(self, statements: list[str]) -> Iterable[list[Series[list[Any]]]]:
        for some in portions(statements):
            yield from self._connection.query(some)

    def _look(self) -> None:
        """Read the ledger once a second, and add what other workers have stored: a worker that knows a part alone has more ranges than it can tell.

        After an interruption, or where the ledger has less than it had, what this process remembers is forgotten: a server that was restarted may have
        lost the end of its log, or been restored from a backup. That would be hidden from the ledger, and what is sent again not be written.
        """
        now = self._clock.now()
        if self._connection.interruptions == self._interruptions and abs(now - self._looked_at) < _LOOK_EVERY:
            return
        stored, self._looked_at = self._all_ledgers(), now
        if self._connection.interruptions != self._interruptions or has_forgotten(self._sequences or {}, stored):
            self._interruptions, self._sequences = self._connection.interruptions, None
            self._versions.clear()
            self._newest.clear()
        self._merge(stored)

    def _put(self, batch: ReportBatch, leave_out_old: bool = False) -> int:
        """Write the reports that are newer than those in this worker's series. `leave_out_old`: returns how many are older than the bucket
        keeps them, instead of raising StoreRefusedError."""
        places = batch.newest_per_key()
        sources = [batch.sources[index] for index in batch.source[places].tolist()]
        since = batch.since_ms[places].tolist()
        versions = list(zip(batch.until_ms[places].tolist(), batch.seq[places].tolist(), strict=True))
        keys = [(factory, machine, at) for (factory, machine, _), at in zip(sources, since, strict=True)]
        self._load_newest({(factory, machine) for factory, machine, _ in batch.sources})
        self._load_versions(
            key for key in keys if key[2] <= self._newest.get(key[:2], -(2**62)) and key not in self._versions
        )
        held = self._versions
        chosen = [n for n, key in enumerate(keys) if versions[n] > held.get(key, (-1, -1))]
        lines = self._lines(batch, places[chosen], [sources[n] for n in chosen])
        lines += self._written_lines([keys[n] for n in chosen])
        left_out = 0
        for first in range(0, len(lines), _LINES_PER_REQUEST):
            try:
                self._connection.write(lines[first : first + _LINES_PER_REQUEST])
            except PointsTooOldError as error:
                if not leave_out_old:
                    raise
                left_out += error.count
        for n in chosen:
            self._remember(keys[n], versions[n])
        return left_out

    def _lines(self, batch: ReportBatch, places: np.ndarray, sources: list[tuple[str, str, str]]) -> list[str]:
        worker = self._worker
        rows = zip(
            sources,
            batch.since_ms[places].tolist(),
            batch.until_ms[places].tolist(),
            batch.state[places].tolist(),
            batch.mode[places].tolist(),
            batch.power_w[places].tolist(),
            batch.seq[places].tolist(),
            (batch.reason[place] for place in places.tolist()),
            strict=True,
        )
        return [
            f"{STATE},factory={factory},machine={machine},worker={worker} until_ms={until}i,"
            f'state="{_STATE_WORDS[state]}",mode="{_MODE_WORDS[mode]}",reason="{escaped(reason) if reason else ""}",'
            f'gateway="{gateway}",seq={seq}i{f",power_w={power}" if power == power else ""} {since}'
            for (factory, machine, gateway), since, until, state, mode, power, seq, reason in rows
        ]

    def _written_lines(self, keys: list[Key]) -> list[str]:
        first: dict[Machine, int] = {}
        for factory, machine, since in keys:
            first[factory, machine] = min(since, first.get((factory, machine), since))
        # Milliseconds, as in the rest of the request; unique per batch of this process.
        now = max(self._last_written_ms + 1, to_epoch_milliseconds(self._clock.now()))
        self._last_written_ms = now
        return [
            f"{WRITTEN},factory={factory},machine={machine},worker={self._worker} since_ms={since}i {now}"
            for (factory, machine), since in first.items()
        ]

    def _load_newest(self, machines: set[Machine]) -> None:
        """Read the newest interval of machines that this process has not written before."""
        fresh = sorted(machines - self._newest.keys())
        statements = [
            f"SELECT until_ms, seq FROM {STATE} WHERE {self._own_series(machine)} ORDER BY time DESC LIMIT 1"
            for machine in fresh
        ]
        for machine, answer in zip(fresh, self._in_requests(statements), strict=True):
            self._newest[machine] = -(2**62)
            self._remember_all(machine, answer)

    def _load_versions(self, keys: Iterable[Key]) -> None:
        """Read the versions in this worker's series of keys that are not in memory."""
        wanted: dict[Machine, list[int]] = defaultdict(list)
        for factory, machine, since in keys:
            wanted[factory, machine].append(since)
        statements = [
            f"SELECT until_ms, seq FROM {STATE} WHERE {self._own_series(machine)} "
            f"AND time >= {min(times)}ms AND time <= {max(times)}ms"
            for machine, times in wanted.items()
        ]
        for looked_up, answer in zip(wanted, self._in_requests(statements), strict=True):
            self._remember_all(looked_up, answer)

    def _own_series(self, machine: Machine) -> str:
        return f"factory = {quoted(machine[0])} AND machine = {quoted(machine[1])} AND worker = {quoted(self._worker)}"

    def _remember_all(self, machine: Machine, answer: list[Series[list[Any]]]) -> None:
        for series in answer:
            for since, until, seq in series.values:
                if until is None or seq is None:
                    # A request of this worker's former process is still being written: it is looked up again when its key comes.
                    self._newest[machine] = max(since, self._newest.get(machine, since))
                else:
                    self._remember((*machine, since), (until, seq))

    def _remember(self, key: Key, version: Version) -> None:
        self._versions[key] = version
        self._versions.move_to_end(key)
        machine: Machine = (key[0], key[1])
        self._newest[machine] = max(key[2], self._newest.get(machine, key[2]))
        while len(self._versions) > _REMEMBERED_KEYS:
            self._versions.popitem(last=False)

    def _all_ledgers(self) -> dict[Gateway, dict[str, LedgerEntry]]:
        """The newest entry of each worker, by gateway."""
        found: dict[Gateway, dict[str, LedgerEntry]] = defaultdict(dict)
        answer = self._connection.ask(
            f"SELECT ranges, given_up, repeated FROM {LEDGER} GROUP BY factory, gateway, worker "
            "ORDER BY time DESC LIMIT 2"
        )
        for series in answer:
            # Of the first point of a day, some fields may not be there yet; that of the day before is.
            whole = [row for row in series.values if None not in row]
            for _, ranges, given_up, repeated in whole[:1]:
                found[series.tags["factory"], series.tags["gateway"]][series.tags["worker"]] = (
                    SequenceRanges.from_json(ranges, int(given_up)),
                    int(repeated),
                )
        return found

    def _held_sequences(self) -> dict[Gateway, LedgerEntry]:
        """The ledger entries known to this worker, to which those of the others were added when it last looked."""
        if self._sequences is None or self._many_new_ranges(self._sequences):
            return self._merge(self._all_ledgers())
        return self._sequences

    def _merge(self, stored: dict[Gateway, dict[str, LedgerEntry]]) -> dict[Gateway, LedgerEntry]:
        held = self._sequences or {}
        for key, entries in stored.items():
            known, repeated = held.get(key, (SequenceRanges(), 0))
            known.join(*(ranges for ranges, _ in entries.values()))
            held[key] = (known, entries[self._worker][1] if self._worker in entries else repeated)
        self._sequences = held
        self._ranges_after_merge = {key: len(ranges.ranges) for key, (ranges, _) in held.items()}
        return held

    def _many_new_ranges(self, held: dict[Gateway, LedgerEntry]) -> bool:
        return any(
            len(ranges.ranges) > self._ranges_after_merge.get(key, 0) + _MERGE_AFTER_RANGES
            for key, (ranges, _) in held.items()
        )

    def _record(self, changed: dict[Gateway, LedgerEntry]) -> None:
        self._connection.write([self._ledger_line(gateway, entry) for gateway, entry in changed.items()])
        self._held_sequences().update(changed)

    def _ledger_line(self, key: Gateway, entry: LedgerEntry) -> str:
        ranges, repeated = entry
        # One point per day rather than one at a fixed time, which would be older than the bucket's retention.
        day = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return (
            f"{LEDGER},factory={key[0]},gateway={key[1]},worker={self._worker} "
            f'ranges="{ranges.to_json()}",given_up={ranges.given_up}i,repeated={repeated}i {to_epoch_milliseconds(day)}'
        )
