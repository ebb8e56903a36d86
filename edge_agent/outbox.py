"""Persistent queue of reports on their way to the store: SQLite, crash-safe, bounded.

A report gets its sequence number here. Numbers increase without gaps and survive restarts. Each commit is on disk before the call returns
(`synchronous=FULL`), so a power failure loses nothing.

A report waits until the broker has acknowledged it, and is kept for some time after the store has it, so that it can be sent again: a broker can
lose what it has acknowledged, and a store may be restored from yesterday's backup. `Delivery` knows where each report is.

While the broker is away, a heartbeat extends the waiting report of the same state, so that a backlog has one report per change. What was sent
once is not changed: nobody could tell which form of it is stored.

At the limit of bytes or age, what is stored goes first, then what the broker has, then superseded reports, then the oldest; reports that never
left are counted, and the first is logged. If the disk is full, reports are kept in memory, up to a limit, and written when there is space again. A
file that can no longer be read is set aside and a new one started.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.delivery import Delivery, highest
from edge_agent.outbox_file import Bounds, OutboxFile, StoredReport
from telemetry import StateInterval
from telemetry.message import interval_of_body, report_body
from telemetry.ranges import Range, Ranges, contains, count, difference, intersection, ranges_of, union
from telemetry.stored_reports import StoredReports

_log = logging.getLogger(__name__)

MAX_MEMORY = 20_000
"""Reports kept in memory while the disk cannot be written: about 10 MB."""

_CHECK_EVERY = 500
"""Reports appended between two checks of the limits."""


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
        self._delivery = Delivery.from_json(*self._file.delivery())
        self._memory: dict[int, StoredReport] = {}
        self._in_both: set[int] = set()
        """Reports in memory of which the file has an earlier form, without the latest extension."""
        self._in_flight: set[int] = set()
        self._extendable: dict[str, StoredReport] = {}
        """The newest report of each machine, as long as it was never sent."""
        self._next_seq = max(self._file.last_seq(), highest(self._delivery.sent)) + 1
        self._newest = self._file.newest_of_machines(self._waiting())
        self._since_check = 0
        self._drop_logged = False
        self._current: list[int] = []
        self._live_after = 0
        """Reports above this number are sent for the first time, and as they happen."""
        self.dropped_superseded, self.dropped_oldest = self._file.dropped()
        self.give_back()

    @property
    def in_memory(self) -> int:
        """Number of reports that could not be written to disk."""
        return len(self._memory)

    @property
    def stored(self) -> list[Range]:
        """The numbers that are known to be stored."""
        with self._lock:
            return list(self._delivery.stored)

    @property
    def on_the_way(self) -> int:
        """Number of reports that the broker has, of which ingest never told that they are stored."""
        with self._lock:
            return self._delivery.on_the_way

    @property
    def never_told(self) -> bool:
        """Whether ingest never told, in this run or an earlier one, that anything of this gateway is stored."""
        return self._delivery.told_at is None and not self._delivery.stored

    def append(self, entries: Sequence[tuple[str, StateInterval]]) -> None:
        """Add (machine, interval) pairs in order. Never fails: if the disk cannot be written, they wait in memory."""
        with self._lock:
            fresh: dict[int, StoredReport] = {}
            extended: dict[int, StoredReport] = {}
            for machine, interval in entries:
                report = self._numbered(machine, interval)
                target = fresh if report.seq >= self._next_seq or report.seq in fresh else extended
                target[report.seq] = report
                self._next_seq = max(self._next_seq, report.seq + 1)
                self._extendable[machine] = report
                self._newest[machine] = report.seq
            self._store(fresh, extended)
            self._since_check += len(entries)
            if self._since_check >= _CHECK_EVERY:
                self._since_check = 0
                self._enforce_bounds()

    def take(self, limit: int, of_backlog: int | None = None) -> list[QueuedReport]:
        """The next reports to send; they are in flight until `acknowledge` or `give_back`.

        Order: the current state of every machine, then new reports, then what hides from ingest's word how much of the backlog is stored, then the
        backlog, oldest first, of which at most `of_backlog`.
        """
        with self._lock:
            waiting = self._waiting()
            valid = [seq for seq in self._current if contains(waiting, seq)]
            wanted, self._current = valid[:limit], valid[limit:]
            current = self._first_of(ranges_of(wanted), limit)
            rest = difference(waiting, ranges_of(valid))
            border = self._live_after
            fresh = self._first_of(intersection(rest, [(border + 1, self._next_seq)]), limit - len(current))
            late = intersection(rest, [(1, border)])
            backlog = self._first_of(intersection(late, self._delivery.hiding), limit - len(current) - len(fresh))
            late = difference(late, ranges_of(report.seq for report in backlog))
            room = limit - len(current) - len(fresh) - len(backlog)
            backlog += self._first_of(late, room if of_backlog is None else min(room, of_backlog))
            taken = [QueuedReport(report.machine, report.seq, report.body, live=True) for report in current + fresh]
            taken += [QueuedReport(report.machine, report.seq, report.body, live=False) for report in backlog]
            self._live_after = max([border, *(report.seq for report in fresh)])
            self._in_flight |= {report.seq for report in taken}
            for report in taken:
                if self._newest.get(report.machine) == report.seq:
                    self._extendable.pop(report.machine, None)
            return taken

    def acknowledge(self, seqs: Iterable[int], now: float) -> None:
        """The broker has acknowledged these reports. `now`: monotonic seconds."""
        with self._lock:
            done = list(seqs)
            self._in_flight.difference_update(done)
            self._delivery.acknowledge(done, now)
            self._write_delivery()

    def tell(self, told: StoredReports, now: float) -> bool:
        """Ingest has told which reports are stored: those that were lost on the way wait again. Returns whether some are lost repeatedly."""
        with self._lock:
            top = highest(told.ranges)
            if top >= self._next_seq and not self._continue_after(top):
                return False
            lost = count(self._delivery.tell(told, now))
            if lost:
                _log.info(
                    "%d reports that the broker had acknowledged are not in the store; they are sent again.", lost
                )
            for seq in [seq for seq in self._memory if contains(told.ranges, seq)]:
                del self._memory[seq]
            self._write_delivery()
            return self._delivery.lost_again

    def reconnect(self, lost_at: float) -> None:
        """There is a connection again: what the broker may have forgotten since shortly before the loss waits again."""
        with self._lock:
            self._delivery.reconnect(lost_at)

    def give_back(self) -> None:
        """Return all reports in flight to the queue after a lost connection; the current states are taken first."""
        with self._lock:
            self._in_flight.clear()
            self._queue_anew()

    def depth(self) -> int:
        """Number of reports that the broker has not acknowledged."""
        with self._lock:
            waiting = union(self._waiting(), ranges_of(self._in_flight))
            return self._count(waiting)

    def unconfirmed(self) -> int:
        """Number of reports that the broker has acknowledged and the store, as far as is known, not."""
        with self._lock:
            return self._count(self._delivery.acknowledged)

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

    def _waiting(self) -> list[Range]:
        """The numbers that are neither stored, nor acknowledged, nor in flight. Some of them may have been dropped."""
        return difference([(1, self._next_seq - 1)], union(self._delivery.sent, ranges_of(self._in_flight)))

    def _count(self, ranges: Ranges) -> int:
        in_memory = [seq for seq in self._memory if contains(ranges, seq)]
        try:
            return self._file.count(ranges) + sum(1 for seq in in_memory if seq not in self._in_both)
        except sqlite3.Error:
            return len(in_memory)

    def _numbered(self, machine: str, interval: StateInterval) -> StoredReport:
        """The report, with the number of the waiting report that it extends, or else with the next one."""
        report = StoredReport(
            self._next_seq, machine, round(interval.since.timestamp() * 1000), round(interval.until.timestamp() * 1000),
            report_body(interval),
        )  # fmt: skip
        waiting = self._extendable.get(machine)
        if waiting is None or not _same_but_until(waiting.body, report.body):
            return report
        return replace(report, seq=waiting.seq)

    def _continue_after(self, top: int) -> bool:
        """The store has numbers that were never given here: this file is younger than the gateway, whose last one was lost with its disk. What
        is not known to be stored gets numbers above those, or it would be taken for what the store has already. Returns False if the disk
        takes no changes; the next word of ingest is another attempt."""
        new = difference([(1, self._next_seq - 1)], self._delivery.stored)
        try:
            reports = self._file.renumber(new, top + 1)
        except sqlite3.Error as error:
            _log.debug("%s: reports could not get new numbers: %s", self._file.path, error)
            return False
        _log.warning(
            "%s is younger than this gateway: the server has stored reports up to number %d. Numbers continue there.",
            self._file.path, top,
        )  # fmt: skip
        following = top + 1 + len(reports)
        held = [
            replace(one, seq=following + place)
            for place, one in enumerate(self._memory[seq] for seq in sorted(self._memory))
        ]
        self._memory = {report.seq: report for report in held}
        self._in_both.clear()
        self._next_seq = following + len(held)
        self._newest = {report.machine: report.seq for report in [*reports, *held]}
        self._extendable.clear()
        self._delivery = Delivery(self._delivery.stored)
        self._queue_anew()
        return True

    def _queue_anew(self) -> None:
        """What waits now is a backlog, and the current states are taken first."""
        self._live_after = self._next_seq - 1
        self._current = sorted(self._newest.values())

    def _write_delivery(self) -> None:
        try:
            self._file.write_delivery(*self._delivery.to_json())
        except sqlite3.Error as error:  # written with the next one; until then a restart would repeat some reports
            _log.debug("%s: what has arrived could not be noted: %s", self._file.path, error)

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
            self._in_both |= changed.keys()
            self._keep_memory_bound()
            return
        if self._memory:
            _log.info("%s takes reports again; reports lost meanwhile were logged.", self._file.path)
            self._write_delivery()
        self._memory.clear()
        self._in_both.clear()

    def _write(self, held: dict[int, StoredReport], changed: dict[int, StoredReport]) -> None:
        try:
            self._file.write([*held.values(), *changed.values()])
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._file.start_anew(str(error), self._next_seq - 1)
            self._file.write([*held.values(), *changed.values(), *self._extendable.values()])
            self._write_delivery()

    def _keep_memory_bound(self) -> None:
        """Beyond the limit what the broker has acknowledged goes first, then the oldest."""
        over = len(self._memory) - MAX_MEMORY
        if over <= 0:
            return
        delivered = self._delivery.sent
        sent = [seq for seq in sorted(self._memory) if contains(delivered, seq)][:over]
        for seq in sent:
            del self._memory[seq]
        over -= len(sent)
        for seq in sorted(self._memory)[:over]:
            del self._memory[seq]
        if over > 0:
            self._count_dropped(0, over)

    def _enforce_bounds(self) -> None:
        delivery = self._delivery
        try:
            dropped = self._file.enforce_bounds(self._bounds, delivery.stored, delivery.acknowledged, self._waiting())
        except sqlite3.Error as error:
            _log.debug("The limits of %s could not be checked: %s", self._file.path, error)
            return
        # What the broker has taken is lost only where ingest tells what is stored: one of an older version takes it without a word.
        unconfirmed = dropped.acknowledged if delivery.told_at is not None else 0
        self._count_dropped(dropped.superseded, dropped.oldest + unconfirmed)

    def _count_dropped(self, superseded: int, oldest: int) -> None:
        self.dropped_superseded += superseded
        self.dropped_oldest += oldest
        if (superseded or oldest) and not self._drop_logged:
            self._drop_logged = True
            _log.error(
                "The outbox has reached its limit: superseded reports are dropped, then the oldest (so far %d and %d).",
                self.dropped_superseded,
                self.dropped_oldest,
            )

    def _first_of(self, ranges: Ranges, limit: int) -> list[StoredReport]:
        if limit <= 0:
            return []
        try:
            found = {report.seq: report for report in self._file.first_of(ranges, limit)}
        except sqlite3.Error:
            found = {}
        found |= {seq: report for seq, report in self._memory.items() if contains(ranges, seq)}
        return [found[seq] for seq in sorted(found)[:limit]]


def _same_but_until(body: str, other: str) -> bool:
    """Whether two bodies have the same state, mode and `since`; a heartbeat changes only what follows them."""
    return body.partition('"until"')[0] == other.partition('"until"')[0]
