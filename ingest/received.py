"""What ingest receives from the broker, and what takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(eq=False, slots=True)
class Received:
    """One message, the number of its connection, and the monotonic time at which it was received.

    paho's own object of a message is let go at once: it takes some kilobytes, and thousands of them at a time cost more than what is done with them.
    """

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    at: float


class Consumer(Protocol):
    """Receives the messages. All methods are called from the network thread."""

    def take(self, received: Received) -> None:
        """Handle a message. Must not raise."""
        ...

    def gathered(self, quiet: bool) -> None:
        """Called when the socket has been read; `quiet`: nothing was received for `subscription.GATHER_S`."""
        ...

    def full(self) -> bool:
        """Whether reading should pause."""
        ...
