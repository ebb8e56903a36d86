"""Persistent queue of reports not yet acknowledged by the broker: SQLite, crash-safe, bounded.

A report gets its sequence number here and keeps it until it is removed. Numbers increase without gaps and survive restarts. Each commit
is on disk before the call returns (`synchronous=FULL`), so a power failure loses nothing.

While the broker is away, a heartbeat extends the waiting report of the same state, so that a backlog has one report per change. Reports in
flight are not changed.

At the limit of bytes or age, superseded reports are dropped first, then the oldest; they are counted, and the first drop is logged. If
the disk is full, reports are kept in memory, up to a limit, and written when there is space again. A file that can no longer be read is set
aside and a new one started.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from edge_agent.outbox_file import OutboxFile, StoredReport
from telemetry import StateInterval
from telemetry.message import interval_of_body, report_body

_log = logging.getLogger(__name__)

MAX_MEMORY = 20_000
"""Reports kept in memory while the disk cannot be written: about 10 MB."""

_CHECK_EVERY = 500
"""Reports appended between two checks of the limits."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of the outbox."""

    max_bytes: int = 256 * 1024 * 1024
    max_age: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """A report taken from the outbox for sending. `live`: it is current rather than backlog, and is published as retained."""

    machine: str
    seq: int
    body: str
    live: bool


class Outbox:
    """One process per file. Thread-safe."""

    def __init__(self, path: Path, bounds: Bounds | None = None) -> None:
        """Open or create the file. Raises UserError if the folder cannot be written or another agent uses it."""
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._file = OutboxFile(path)
        self._memory: dict[int, StoredReport] = {}
        self._acknowledged: set[int] = set()
        self._in_flight: set[int] = set()
        self._open: dict[str, StoredReport] = {report.machine: report for report in self._file.newest_per_machine()}
        self._next_seq = self._file.last_seq() + 1
        self._depth = self._file.count()
        self._since_check = 0
        self._drop_logged = False
        self._current: list[int] = []
        self._backlog_end = 0
        self.dropped_superseded, self.dropped_oldest = self._file.dropped()
        self.give_back()

    @property
    def in_memory(self) -> int:
        """Number of reports that could not be written to disk."""
        return len(self._memory)

    def append(self, entries: Sequence[tuple[str, StateInterval]]) -> None:
        """Add (machine, interval) pairs in order. Never fails: if the disk cannot be written, they wait in memory."""
        with self._lock:
            fresh: dict[int, StoredReport] = {}
            extended: dict[int, StoredReport] = {}
            for machine, interval in entries:
                report = self._numbered(machine, interval)
                target = fresh if report.seq >= self._next_seq or report.seq in fresh else extended
                target[report.seq] = report
                self._depth += report.seq >= self._next_seq
                self._next_seq = max(self._next_seq, report.seq + 1)
                self._open[machine] = report
            self._store(fresh, extended)
            self._since_check += len(entries)
            if self._since_check >= _CHECK_EVERY:
                self._since_check = 0
                self._enforce_bounds()

    def take(self, limit: int) -> list[QueuedReport]:
        """The next reports to send; they are in flight until `remove` or `give_back`.

        Order: the current state of every machine, then new reports, then the backlog, oldest first.
        """
        with self._lock:
            valid = [seq for seq in self._current if seq not in self._acknowledged and seq not in self._in_flight]
            wanted, self._current = valid[:limit], valid[limit:]
            taken = [_as_live(report) for report in self._read(wanted)]
            room = limit - len(taken)
            busy = self._in_flight | set(wanted)
            live = self._waiting(self._backlog_end, room, busy, newer=True)
            backlog = self._waiting(self._backlog_end, room - len(live), busy, newer=False)
            taken += [_as_live(report) for report in live]
            taken += [QueuedReport(report.machine, report.seq, report.body, live=False) for report in backlog]
            self._in_flight |= {report.seq for report in taken}
            return taken

    def remove(self, seqs: Iterable[int]) -> None:
        """Remove reports that the broker has acknowledged."""
        with self._lock:
            gone = set(seqs)
            self._depth -= len(gone)
            self._in_flight -= gone
            self._open = {machine: report for machine, report in self._open.items() if report.seq not in gone}
            for seq in gone:
                self._memory.pop(seq, None)
            self._acknowledged |= gone
            self._forget()

    def give_back(self) -> None:
        """Return all reports in flight to the queue after a lost connection; the current states are taken first."""
        with self._lock:
            self._in_flight.clear()
            self._backlog_end = self._next_seq - 1
            self._current = sorted(report.seq for report in self._open.values())

    def depth(self) -> int:
        """Number of reports in the outbox."""
        with self._lock:
            return self._depth

    def last_seq(self) -> int:
        """The highest sequence number assigned so far; 0 before the first."""
        with self._lock:
            return self._next_seq - 1

    def last_reports(self) -> dict[str, StateInterval]:
        """The newest reported interval of each machine, from this run or an earlier one."""
        with self._lock:
            return {machine: interval_of_body(body) for machine, body in self._file.last_reports().items()}

    def close(self) -> None:
        """Write the reports still in memory, if the disk can be written, and close the file."""
        with self._lock:
            self._store({}, {})
            if self._memory:
                _log.error("%d reports could not be written to %s and are lost.", len(self._memory), self._file.path)
            self._file.close()

    def _numbered(self, machine: str, interval: StateInterval) -> StoredReport:
        """The report, with the number of the waiting report that it extends, or else with the next one."""
        report = StoredReport(
            self._next_seq, machine, round(interval.since.timestamp() * 1000), round(interval.until.timestamp() * 1000),
            report_body(interval),
        )  # fmt: skip
        waiting = self._open.get(machine)
        if waiting is None or waiting.seq in self._in_flight or not _same_but_until(waiting.body, report.body):
            return report
        return replace(report, seq=waiting.seq)

    def _store(self, fresh: dict[int, StoredReport], extended: dict[int, StoredReport]) -> None:
        held = dict(self._memory)
        held.update(fresh)
        changed = {seq: report for seq, report in extended.items() if seq not in held}
        held.update({seq: report for seq, report in extended.items() if seq in held})
        try:
            self._write(held, changed)
        except sqlite3.OperationalError as error:
            if not self._memory:
                _log.error(
                    "%s takes no reports (%s). They wait in memory; a power failure would lose them.",
                    self._file.path,
                    error,
                )
            self._memory = held | changed
            self._keep_memory_bound()
            return
        if self._memory:
            _log.info("%s takes reports again; reports lost meanwhile were logged.", self._file.path)
        self._memory.clear()
        if self._acknowledged:
            self._forget()

    def _write(self, held: dict[int, StoredReport], changed: dict[int, StoredReport]) -> None:
        try:
            self._file.write([*held.values(), *changed.values()])
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._file.start_anew(str(error), self._next_seq - 1)
            self._depth = self._file.count() + len(held)
            self._file.write([*held.values(), *changed.values(), *self._open.values()])

    def _keep_memory_bound(self) -> None:
        over = len(self._memory) - MAX_MEMORY
        for seq in sorted(self._memory)[: max(0, over)]:
            del self._memory[seq]
        if over > 0:
            self._count_dropped(0, over)

    def _enforce_bounds(self) -> None:
        try:
            superseded, oldest = self._file.enforce_bounds(
                self._bounds.max_bytes, round(self._bounds.max_age.total_seconds() * 1000), self._in_flight
            )
        except sqlite3.Error as error:
            _log.debug("The limits of %s could not be checked: %s", self._file.path, error)
            return
        self._count_dropped(superseded, oldest)

    def _count_dropped(self, superseded: int, oldest: int) -> None:
        self._depth -= superseded + oldest
        self.dropped_superseded += superseded
        self.dropped_oldest += oldest
        if (superseded or oldest) and not self._drop_logged:
            self._drop_logged = True
            _log.error(
                "The outbox has reached its limit: superseded reports are dropped, then the oldest (so far %d and %d).",
                self.dropped_superseded,
                self.dropped_oldest,
            )

    def _read(self, seqs: Sequence[int]) -> list[StoredReport]:
        if not seqs:
            return []
        in_memory = [self._memory[seq] for seq in seqs if seq in self._memory]
        return sorted([*in_memory, *self._file.read(seqs)], key=lambda report: report.seq)

    def _waiting(self, border: int, limit: int, busy: set[int], newer: bool) -> list[StoredReport]:
        if limit <= 0:
            return []
        passed_over = self._acknowledged | busy
        try:
            found = self._file.waiting(border, limit + len(passed_over), newer)
        except sqlite3.Error:
            found = []
        found += [report for report in self._memory.values() if (report.seq > border) == newer]
        return sorted((report for report in found if report.seq not in passed_over), key=lambda report: report.seq)[
            :limit
        ]

    def _forget(self) -> None:
        """Delete acknowledged reports from the file. On a full disk even that may fail, and is done later."""
        try:
            self._file.delete(self._acknowledged)
        except sqlite3.OperationalError:
            return
        self._acknowledged.clear()


def _as_live(report: StoredReport) -> QueuedReport:
    return QueuedReport(report.machine, report.seq, report.body, live=True)


def _same_but_until(body: str, other: str) -> bool:
    """Whether two bodies have the same state, mode and `since`; a heartbeat changes only what follows them."""
    return body.partition('"until"')[0] == other.partition('"until"')[0]
