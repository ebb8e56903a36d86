"""The ingest worker: subscribes, validates, writes, and only then acknowledges, in two threads.

    network thread:  broker ─▶ read ─▶ decode, validate ─▶ batch ─┐         ┌─▶ acknowledge ─▶ broker
    writing thread:                                               └▶ write ─┴─▶ store, quarantine ─▶ tell gateways what is stored

The broker keeps messages that are not acknowledged and delivers them again, so killing this process loses nothing. While a batch is being
written the next one is gathered; when that one is full too, nothing more is read from the broker.
"""

from __future__ import annotations

import gc
import logging
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ingest.confirmations import Confirmations
from ingest.metrics import IngestCollector, IngestCounters, Waiting
from ingest.quarantine import Quarantine
from ingest.received import Received
from ingest.subscription import Subscription
from ingest.validation import AcceptedMessage, accept
from stores import ReportBatchBuilder, StateStore, StoreRefusedError, StoreShutError, StoreUnavailableError
from telemetry import Clock, decode, parse_state_topic
from telemetry.background import BackgroundTasks
from telemetry.broker import BrokerSettings
from telemetry.message import EARLIEST

_log = logging.getLogger(__name__)

BATCH_MESSAGES = 3000
BATCH_REPORTS = 30_000
BATCH_WAIT_S = 0.1
"""Longest time for which a batch is gathered while the writer is idle."""
BACKLOG_MESSAGES, BACKLOG_WAIT_S = 500, 0.3
"""With so many messages it is a backlog, which goes faster in larger batches: each costs a transaction, and a row of the ledger for each gateway."""

GC_THRESHOLD = 10_000
"""paho creates dozens of containers per message, and thousands of messages wait at once: with Python's default threshold (700)
two thirds of the time were spent on searching for reference cycles. Each message leaves one behind, of six objects, in paho's search for
callbacks by topic; a higher threshold lets more of them lie about (at 100,000, 15 MB)."""

_TELL_EVERY_S = 1.0
_BACKLOG_REPORTS = 20
"""Reports of a gateway in one batch from which on they are taken for a part of a backlog."""
_STORE_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_SHUT_RETRY_S = 30.0
_UNEXPECTED_ATTEMPTS = 3
_WRITING, _TELLING = "ingest: writing reports", "ingest: telling gateways what is stored"


@dataclass
class _Batch:
    """Messages that are written and acknowledged together."""

    accepted: list[tuple[Received, AcceptedMessage]] = field(default_factory=list)
    refused: list[tuple[Received, str]] = field(default_factory=list)
    reports: int = 0
    began: float = 0.0
    """Monotonic time of the first message; 0 while the batch is empty."""
    now: datetime = EARLIEST
    """Time of the first message, with which reports from the future are detected."""

    @property
    def messages(self) -> int:
        return len(self.accepted) + len(self.refused)

    @property
    def full(self) -> bool:
        return self.messages >= BATCH_MESSAGES or self.reports >= BATCH_REPORTS

    @property
    def received(self) -> list[Received]:
        return [received for received, _ in self.accepted] + [received for received, _ in self.refused]


class _StoppedError(Exception):
    """The service was stopped while the store was unavailable; the batch stays unacknowledged."""


class IngestService:
    """One worker.

    `worker` names its session at the broker; with the same name after a restart it receives the messages that were left. `shared`: it is one of
    several workers. A single worker does not use a shared subscription, because Mosquitto loses those when it restarts.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        store: StateStore,
        quarantine: Quarantine,
        clock: Clock,
        worker: str = "1",
        *,
        shared: bool = False,
        tasks: BackgroundTasks | None = None,
    ) -> None:
        """`tasks`: where the threads say that they fail."""
        self._store = store
        self._quarantine = quarantine
        self._clock = clock
        self._stopping = threading.Event()
        self.tasks = tasks or BackgroundTasks(clock)
        self._subscription = Subscription(settings, worker, self, shared, self.tasks)
        self._gathering = _Batch()
        self._confirmations = Confirmations(store.stored_ranges)
        self._batches: queue.Queue[_Batch | None] = queue.Queue(maxsize=1)
        self.counters = IngestCounters()
        self._writer = threading.Thread(target=self._write_batches, name="ingest-write", daemon=True)

    @property
    def connected(self) -> bool:
        return self._subscription.connected

    def waiting(self) -> Waiting:
        """Messages received but not yet durable."""
        return self._subscription.waiting()

    def collector(self) -> IngestCollector:
        """A collector for a Prometheus registry."""
        return IngestCollector(
            self.counters,
            self.waiting,
            lambda: self.connected,
            self._quarantine.count,
            self._store.ledger,
        )

    def start(self) -> None:
        """Start the threads; returns when the broker has acknowledged the subscription. Raises UnavailableError."""
        gc.set_threshold(GC_THRESHOLD, 50, 100)
        self._writer.start()
        try:
            self._subscription.start()
        except Exception:
            self._batches.put(None)
            raise

    def stop(self) -> None:
        """Write and acknowledge the current batch, then disconnect. The broker keeps the remaining messages."""
        self._end(end_session=False)

    def retire(self) -> bool:
        """Process the messages that the broker still has for this worker, then end its session.

        Returns False if not all could be processed in time; the session then remains, and nothing is lost.
        """
        empty = self._subscription.retire()
        self._end(end_session=empty)
        return empty

    def _end(self, end_session: bool) -> None:
        self._stopping.set()
        self._batches.put(None)
        if self._writer.is_alive():
            self._writer.join(timeout=60)
        self._subscription.stop(end_session)

    def take(self, received: Received) -> None:
        batch = self._gathering
        if not batch.began:
            batch.began, batch.now = time.monotonic(), self._clock.now()
        try:
            message = accept(received.topic, received.payload, batch.now)
        except ValueError as error:
            batch.refused.append((received, str(error)))
            return
        except Exception as error:  # noqa: BLE001 - one message must not stop the others
            _log.exception("A message on %s could not be processed.", received.topic)
            batch.refused.append((received, f"an error in ingest: {error!r}"))
            return
        batch.accepted.append((received, message))
        batch.reports += len(message.reports)

    def gathered(self, quiet: bool) -> None:
        batch = self._gathering
        if not batch.began or self._batches.unfinished_tasks or self._stopping.is_set():
            return  # while the writer is busy, the batch can grow
        wait_s = BATCH_WAIT_S if batch.messages < BACKLOG_MESSAGES else BACKLOG_WAIT_S
        if quiet or batch.full or time.monotonic() - batch.began > wait_s:
            self._gathering = _Batch()
            self._batches.put(batch)

    def full(self) -> bool:
        return self._gathering.full

    def _write_batches(self) -> None:
        while True:
            try:
                batch = self._batches.get(timeout=_TELL_EVERY_S)
            except queue.Empty:
                self.tasks.attempt(_TELLING, self._tell_gateways)
                continue
            if batch is None:
                break
            # Only a batch that is settled is acknowledged, and the next one waits for it.
            while not self.tasks.attempt(_WRITING, partial(self._settle, batch)) and not self._stopping.wait(1.0):
                pass
            self.tasks.attempt(_TELLING, self._tell_gateways)
            self._batches.task_done()
            self._subscription.wake()
        self.tasks.attempt(_TELLING, partial(self._tell_gateways, at_last=True))

    def _tell_gateways(self, *, at_last: bool = False) -> None:
        """Publish what is stored, where that has changed; after a new connection of every gateway, as the broker may have forgotten it."""
        try:
            if self._subscription.take_reconnected():
                self._confirmations.forgotten((entry.factory, entry.gateway) for entry in self._store.ledger())
            due = self._confirmations.due(time.monotonic(), at_last=at_last)
        except StoreUnavailableError as error:
            _log.debug("What is stored cannot be told now: %s", error)
            return
        self._subscription.tell(due)

    def _settle(self, batch: _Batch) -> None:
        try:
            self._quarantine_all(batch.refused)
            self._write(batch.accepted)
        except _StoppedError:
            return
        self._subscription.settle(batch.received)

    def _write(self, accepted: list[tuple[Received, AcceptedMessage]]) -> None:
        """Return when every message is durable, in the store or in quarantine."""
        attempts = errors = 0
        while True:
            try:
                self._store_now(accepted)
            except StoreRefusedError as error:
                self.counters.store_errors["refused"] += 1
                self._split(accepted, f"the store refuses it: {error}")
                return
            except StoreUnavailableError as error:
                shut = isinstance(error, StoreShutError)
                self.counters.store_errors["shut" if shut else "unavailable"] += 1
                attempts = self._pause(attempts, str(error), shut)
            except Exception as error:  # noqa: BLE001 - one message must not stop the others
                # Unexpected. It may be temporary, so it is retried; if one message causes it, that message is found by halving.
                errors += 1
                if errors > _UNEXPECTED_ATTEMPTS:
                    self._split(accepted, f"an error in ingest: {error!r}")
                    return
                _log.exception("A batch of %d messages could not be stored.", len(accepted))
                attempts = self._pause(attempts, f"An error in ingest: {error!r}", shut=False)
            else:
                if attempts:
                    _log.info("The store takes reports again.")
                return

    def _store_now(self, accepted: list[tuple[Received, AcceptedMessage]]) -> None:
        builder = ReportBatchBuilder()
        for _, message in accepted:
            builder.add(message.source, message.reports)
        reports = builder.build()
        self._store.write(reports)
        if _log.isEnabledFor(logging.DEBUG):
            for _, message in accepted:
                factory, machine, gateway = message.source
                seqs = f"{message.reports[0].seq}-{message.reports[-1].seq}"
                ids = {"factory": factory, "machine": machine, "gateway": gateway, "seqs": seqs}
                _log.debug("Stored.", extra=ids)
        gateways = {(factory, gateway) for (factory, _, gateway) in reports.sources}
        self._confirmations.changed(gateways, busy=len(reports.until_ms) > _BACKLOG_REPORTS * len(gateways))
        self.counters.unknown_fields += sum(message.unknown_fields for _, message in accepted)
        self.counters.settled(len(accepted), reports.until_ms, self._clock.now())

    def _split(self, accepted: list[tuple[Received, AcceptedMessage]], reason: str) -> None:
        """Write the halves of a batch that cannot be stored; a single message goes to quarantine."""
        if len(accepted) == 1:
            self._quarantine_all([(accepted[0][0], reason)])
            return
        middle = len(accepted) // 2
        self._write(accepted[:middle])
        self._write(accepted[middle:])

    def _quarantine_all(self, refused: list[tuple[Received, str]]) -> None:
        """Return when the messages are durable in quarantine."""
        if not refused:
            return
        for received, reason in refused[:3]:
            _log.warning("A message on %s goes to quarantine: %s", received.topic[:200], reason)
        if len(refused) > 3:
            _log.warning("%d more messages go to quarantine.", len(refused) - 3)
        rows = [(received.topic, received.payload, reason) for received, reason in refused]
        attempts = 0
        while True:
            try:
                self._quarantine.add(rows, self._clock.now())
            except (sqlite3.Error, OSError) as error:
                attempts = self._pause(attempts, f"The quarantine cannot be written: {error}", shut=False)
                continue
            for received, _ in refused:
                self._note_quarantined(received)
            self.counters.quarantined += len(refused)
            self.counters.messages += len(refused)
            return

    def _note_quarantined(self, received: Received) -> None:
        """The numbers of a message that was refused, if it has any: its gateway need not send them again."""
        try:
            factory, _ = parse_state_topic(received.topic)
            message = decode(received.payload)
        except ValueError:
            return
        self._confirmations.quarantined((factory, message.gateway), (report.seq for report in message.reports))

    def _pause(self, attempts: int, why: str, shut: bool) -> int:
        """Wait for the next attempt. Raises _StoppedError if the service is stopped meanwhile."""
        if attempts == 0:
            _log.error("%s. Nothing is acknowledged until it is stored; trying again.", why)
        self.counters.failing = why
        self._stopping.wait(_SHUT_RETRY_S if shut else _STORE_RETRY_S[min(attempts, len(_STORE_RETRY_S) - 1)])
        if self._stopping.is_set():
            raise _StoppedError
        return attempts + 1
