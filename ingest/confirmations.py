"""Tells gateways which of their reports are durable, at a bounded rate. Used by the writing thread alone; the network thread publishes.

A report in quarantine is durable too: its agent need not send it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from stores.ledger import Gateway
from telemetry.ranges import Range, ranges_of, union
from telemetry.stored_reports import StoredReports, encode_stored
from telemetry.topics import stored_topic

Confirmation = tuple[str, bytes]
"""Topic and payload, to be published as retained."""

EVERY_S = 2.0
"""A gateway is told at most this often."""
REFRESHED_S = 15.0
"""Every so often it is looked whether other workers have stored more; only what differs from what was told last is told."""
BUSY_EVERY_S = 0.2
"""A gateway that sends a backlog is told so often: it sends more once it knows that the first part is stored."""
BUSY_LOOKS = 10
"""How often it is looked for that after each part of a backlog: what other workers have stored of the part is known here within a second or two."""
AT_ONCE = 200
"""Gateways told at a time, so that a thousand of them do not delay reports."""


class Confirmations:
    """The gateways that are to be told, and when each was told last."""

    def __init__(self, stored_ranges: Callable[[Collection[Gateway]], dict[Gateway, list[Range]]]) -> None:
        """`stored_ranges`: what the store holds of some gateways."""
        self._stored_ranges = stored_ranges
        self._changed: dict[Gateway, None] = {}
        self._told_at: dict[Gateway, float] = {}
        self._told: dict[Gateway, bytes] = {}
        self._refreshed = 0.0
        self._busy: dict[Gateway, int] = {}
        """How often it is still to be looked."""
        self._quarantined: dict[Gateway, list[Range]] = {}

    def changed(self, gateways: Iterable[Gateway], *, busy: bool = False) -> None:
        """Something of these gateways was stored. `busy`: so much that it is part of a backlog."""
        changed = dict.fromkeys(gateways)
        self._changed.update(changed)
        if busy:
            self._busy.update(dict.fromkeys(changed, BUSY_LOOKS))

    def forgotten(self, gateways: Iterable[Gateway]) -> None:
        """There is a new connection: the broker may not have what it was told of these gateways and of all others."""
        self._told.clear()
        self.changed({*gateways, *self._told_at})

    def quarantined(self, gateway: Gateway, seqs: Iterable[int]) -> None:
        self._quarantined[gateway] = union(self._quarantined.get(gateway, []), ranges_of(seqs))
        self.changed([gateway])

    def due(self, now: float, *, at_last: bool = False) -> list[Confirmation]:
        """What is to be published now. `now`: monotonic seconds; `at_last`: without regard to the rate, before the service ends."""
        if now - self._refreshed >= REFRESHED_S:
            self._refreshed = now
            self.changed(self._told_at)
        wanted = [one for one in self._changed if at_last or self._is_due(one, now)]
        chosen = wanted if at_last else wanted[:AT_ONCE]
        if not chosen:
            return []
        stored = self._stored_ranges(chosen)
        told = []
        for gateway in chosen:
            del self._changed[gateway]
            self._told_at[gateway] = now
            looks = self._busy.pop(gateway, 1) - 1
            if looks and not at_last:
                self.changed([gateway])
                self._busy[gateway] = looks
            ranges = union(stored[gateway], self._quarantined.get(gateway, []))
            payload = encode_stored(StoredReports.of(ranges))
            if payload != self._told.get(gateway):
                self._told[gateway] = payload
                told.append((stored_topic(*gateway), payload))
        return told

    def _is_due(self, gateway: Gateway, now: float) -> bool:
        every_s = BUSY_EVERY_S if gateway in self._busy else EVERY_S
        return now - self._told_at.get(gateway, float("-inf")) >= every_s
