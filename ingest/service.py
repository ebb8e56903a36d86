"""Subscribe, validate, write, and only then acknowledge: a pipeline of two threads.

    network thread:  broker ─▶ read ─▶ decode, validate ─▶ batch ─┐         ┌─▶ acknowledge ─▶ broker
    writing thread:                                               └▶ write ─┴─▶ store, quarantine

What is not acknowledged stays with the broker, and comes again: any kill of this process loses nothing. While a batch is
being written the next one is gathered; when that one is full too, nothing more is read from the broker.
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

from ingest.metrics import IngestCollector, IngestCounters, Waiting
from ingest.quarantine import Quarantine
from ingest.subscription import Received, Subscription
from ingest.validation import AcceptedMessage, accept
from stores import ReportBatchBuilder, StateStore, StoreRefusedError, StoreShutError, StoreUnavailableError
from telemetry import Clock
from telemetry.broker import BrokerSettings
from telemetry.message import EARLIEST

_log = logging.getLogger(__name__)

BATCH_MESSAGES = 3000
BATCH_REPORTS = 30_000
BATCH_WAIT_S = 0.1
"""While the writer has nothing to do, a batch is held back no longer than this."""

GC_THRESHOLD = 100_000
"""paho makes dozens of containers a message and thousands of messages are alive at once: with Python's own threshold (700)
two thirds of the time went into looking for cycles that are not there."""

_STORE_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_SHUT_RETRY_S = 30.0
_DEFECT_ATTEMPTS = 3


@dataclass
class _Batch:
    """Messages that are settled together."""

    accepted: list[tuple[Received, AcceptedMessage]] = field(default_factory=list)
    refused: list[tuple[Received, str]] = field(default_factory=list)
    reports: int = 0
    began: float = 0.0
    """Monotonic; 0 while it is empty."""
    now: datetime = EARLIEST
    """By the clock when it began: what may be called the future."""

    @property
    def full(self) -> bool:
        return len(self.accepted) + len(self.refused) >= BATCH_MESSAGES or self.reports >= BATCH_REPORTS

    @property
    def received(self) -> list[Received]:
        return [one for one, _ in self.accepted] + [one for one, _ in self.refused]


class _StoppedError(Exception):
    """Told to stop while the store was away: what is in hand stays unacknowledged."""


class IngestService:
    """One worker. `worker` names its session at the broker: the same name after a restart takes up what was left.
    `shared`: one of several. Alone it does without: Mosquitto forgets shared subscriptions when it starts again."""

    def __init__(
        self,
        settings: BrokerSettings,
        store: StateStore,
        quarantine: Quarantine,
        clock: Clock,
        worker: str = "1",
        *,
        shared: bool = False,
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._clock = clock
        self._stopping = threading.Event()
        self._subscription = Subscription(settings, worker, self, shared)
        self._gathering = _Batch()
        self._batches: queue.Queue[_Batch | None] = queue.Queue(maxsize=1)
        self.counters = IngestCounters()
        self._writer = threading.Thread(target=self._write_batches, name="ingest-write", daemon=True)

    @property
    def connected(self) -> bool:
        return self._subscription.connected

    def waiting(self) -> Waiting:
        """What has been received and is not yet durable."""
        return self._subscription.waiting()

    def collector(self) -> IngestCollector:
        """For a Prometheus registry."""
        return IngestCollector(
            self.counters,
            self.waiting,
            lambda: self.connected,
            self._quarantine.count,
            self._store.ledger,
        )

    def start(self) -> None:
        """Returns when the subscription stands. Raises UnavailableError with the broker's address."""
        gc.set_threshold(GC_THRESHOLD, 50, 100)
        self._writer.start()
        try:
            self._subscription.start()
        except Exception:
            self._batches.put(None)
            raise

    def stop(self) -> None:
        """Finish the batch in hand, acknowledge it, leave. The rest waits at the broker."""
        self._end(end_session=False)

    def retire(self) -> bool:
        """Take what the broker still has for this worker, then leave for good. False where it could not be emptied:
        then the session stays, and nothing is lost."""
        empty = self._subscription.retire()
        self._end(end_session=empty)
        return empty

    def _end(self, end_session: bool) -> None:
        self._stopping.set()
        self._batches.put(None)
        if self._writer.is_alive():
            self._writer.join(timeout=60)
        self._subscription.stop(end_session)

    def take(self, one: Received) -> None:
        batch = self._gathering
        if not batch.began:
            batch.began, batch.now = time.monotonic(), self._clock.now()
        try:
            message = accept(one.message.topic, bytes(one.message.payload), batch.now)
        except ValueError as error:
            batch.refused.append((one, str(error)))
            return
        except Exception as error:  # noqa: BLE001 - a defect of ours must not stop the machines beside it
            _log.exception("A message on %s could not be looked at.", one.message.topic)
            batch.refused.append((one, f"a defect of ingest: {error!r}"))
            return
        batch.accepted.append((one, message))
        batch.reports += len(message.reports)

    def gathered(self, quiet: bool) -> None:
        batch = self._gathering
        if not batch.began or self._batches.unfinished_tasks or self._stopping.is_set():
            return  # while the writer is busy, what comes meanwhile can come along
        if quiet or batch.full or time.monotonic() - batch.began > BATCH_WAIT_S:
            self._gathering = _Batch()
            self._batches.put(batch)

    def full(self) -> bool:
        return self._gathering.full

    def _write_batches(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._settle(batch)
            self._batches.task_done()
            self._subscription.wake()

    def _settle(self, batch: _Batch) -> None:
        try:
            self._set_aside(batch.refused)
            self._write(batch.accepted)
        except _StoppedError:
            return
        self._subscription.settle(batch.received)

    def _write(self, accepted: list[tuple[Received, AcceptedMessage]]) -> None:
        """Returns when every message is durable, in the store or in quarantine."""
        attempts = defects = 0
        while True:
            try:
                self._store_now(accepted)
            except StoreRefusedError as error:
                self.counters.store_errors["refused"] += 1
                self._leave_out_the_culprit(accepted, f"the store refuses it: {error}")
                return
            except StoreUnavailableError as error:
                shut = isinstance(error, StoreShutError)
                self.counters.store_errors["shut" if shut else "unavailable"] += 1
                attempts = self._pause(attempts, str(error), shut)
            except Exception as error:  # noqa: BLE001 - see below
                # A defect of ours. It may pass; and where it is one message's, it must not stop the machines beside it.
                defects += 1
                if defects > _DEFECT_ATTEMPTS:
                    self._leave_out_the_culprit(accepted, f"a defect of ingest: {error!r}")
                    return
                _log.exception("A batch of %d messages could not be stored.", len(accepted))
                attempts = self._pause(attempts, f"A defect of ingest: {error!r}", shut=False)
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
        self.counters.unknown_fields += sum(message.unknown_fields for _, message in accepted)
        self.counters.settled(len(accepted), reports.until_ms, self._clock.now())

    def _leave_out_the_culprit(self, accepted: list[tuple[Received, AcceptedMessage]], reason: str) -> None:
        if len(accepted) == 1:
            self._set_aside([(accepted[0][0], reason)])
            return
        middle = len(accepted) // 2
        self._write(accepted[:middle])
        self._write(accepted[middle:])

    def _set_aside(self, refused: list[tuple[Received, str]]) -> None:
        """Returns when the messages are durable in quarantine."""
        if not refused:
            return
        for one, reason in refused[:3]:
            _log.warning("A message on %s goes to quarantine: %s", one.message.topic[:200], reason)
        if len(refused) > 3:
            _log.warning("%d more messages go to quarantine.", len(refused) - 3)
        rows = [(one.message.topic, bytes(one.message.payload), reason) for one, reason in refused]
        attempts = 0
        while True:
            try:
                self._quarantine.add(rows, self._clock.now())
            except (sqlite3.Error, OSError) as error:
                attempts = self._pause(attempts, f"The quarantine cannot be written: {error}", shut=False)
                continue
            self.counters.quarantined += len(refused)
            self.counters.messages += len(refused)
            return

    def _pause(self, attempts: int, why: str, shut: bool) -> int:
        """Wait for the next attempt. Raises _StoppedError when told to stop meanwhile."""
        if attempts == 0:
            _log.error("%s. Nothing is acknowledged until it is stored; trying again.", why)
        self.counters.failing = why
        self._stopping.wait(_SHUT_RETRY_S if shut else _STORE_RETRY_S[min(attempts, len(_STORE_RETRY_S) - 1)])
        if self._stopping.is_set():
            raise _StoppedError
        return attempts + 1
