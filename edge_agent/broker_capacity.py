"""How much a broker takes at a time, as its acknowledgements and the ends of its connections show. Pure.

Few brokers say why they end a connection: a message was too large, or it was refused. Smaller messages, and one at a time, find out which.
"""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.message import MAX_PAYLOAD_BYTES

MOST_UNDER_WAY = 20
"""Messages that are unacknowledged at a time, if the broker takes as many: more would wait in its memory, not in the outbox."""
SMALLEST_PAYLOAD = 1024


@dataclass(slots=True)
class BrokerCapacity:
    """Sizes are bytes of a payload."""

    largest: int = MAX_PAYLOAD_BYTES
    """What this broker is believed to take."""
    sent: int = 0
    """The largest that it has acknowledged in this connection."""
    _passed: int = 0
    """The largest that it has acknowledged at all."""
    _acknowledged: int = 0
    """Messages of this window that the broker has acknowledged."""
    _ended_at: int | None = None
    """How many these were when the connection ended in the last window; None if it was sent as a whole."""

    def connect(self) -> None:
        """A new connection begins."""
        self.sent = 0

    def begin(self) -> None:
        """The messages of a window are about to be sent; after a lost connection these are the same ones again."""
        self._acknowledged = 0

    def acknowledge(self, size: int) -> None:
        """The broker has acknowledged a message of this size."""
        self._acknowledged += 1
        self._passed, self.sent = max(self._passed, size), max(self.sent, size)

    def under_way(self, receive_maximum: int) -> int:
        """Messages that may be unacknowledged now; `receive_maximum` as the broker says (MQTT 5 section 3.2.2.3.3).

        Where a connection has ended, messages are sent one by one: Mosquitto 2.0 refuses a message and ends the connection with the next ones
        unread, and the operating system then throws away the answer that says why.
        """
        most = min(MOST_UNDER_WAY, receive_maximum)
        if self._ended_at is None or self._acknowledged > self._ended_at + MOST_UNDER_WAY:
            return most
        return max(1, min(most, self._ended_at - self._acknowledged))

    def complete(self) -> None:
        """The broker has acknowledged the whole window."""
        self._ended_at = None

    def lose(self) -> None:
        """The connection ended, or a message was refused, before the window was acknowledged."""
        self._ended_at = self._acknowledged

    def blame_size(self, largest: int) -> bool:
        """The connection ended on messages of at most this size. Returns whether that may be why, and the next ones are smaller: half as large,
        down to what has gone through before."""
        if largest <= max(self._passed, SMALLEST_PAYLOAD):
            return False
        self.largest = max(self._passed, SMALLEST_PAYLOAD, largest // 2)
        return True

    def make_smaller(self, size: int | None = None) -> bool:
        """A message of this size was acknowledged, and is believed to have been too large nevertheless; None: the largest that was acknowledged.

        Returns whether messages can be smaller.
        """
        size = self._passed if size is None else size
        if size <= SMALLEST_PAYLOAD:
            return False
        self._passed, self.largest = 0, max(SMALLEST_PAYLOAD, min(self.largest, size // 2))
        return True
