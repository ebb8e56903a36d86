"""What a broker offers to a worker's session, and whether it can resume it. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass

SESSION_EXPIRY_S = 7 * 24 * 3600
_ATTEMPTS = 3


@dataclass(slots=True)
class Resumption:
    """Whether the broker can resume the session.

    mochi 2.7.9, started again after a kill, has messages without a number in it, and ends each connection on them, for ever. Giving the session
    up costs nothing: gateways send again what is not stored.
    """

    _resuming: bool = False
    _failures: int = 0

    def connected(self, *, session_present: bool) -> None:
        self._resuming = session_present

    def subscribed(self) -> None:
        """The broker has answered a request in this connection: the session works."""
        self._resuming, self._failures = False, 0

    def ended(self) -> None:
        """The connection has ended."""
        self._failures += self._resuming
        self._resuming = False

    def take_hopeless(self) -> bool:
        """Whether the session is to be given up now; the next ones count anew."""
        hopeless = self._failures >= _ATTEMPTS
        if hopeless:
            self._failures = 0
        return hopeless


def shortcomings(properties: object, *, shared: bool) -> list[str]:
    """What the session needs and the broker does not offer (MQTT 5 section 3.2.2.3), as parts of a sentence about it."""
    found = []
    kept_s = getattr(properties, "SessionExpiryInterval", SESSION_EXPIRY_S)
    if kept_s < SESSION_EXPIRY_S:
        found.append(
            f"it keeps a session for {kept_s} s only: after a longer absence gateways send again what is missing"
        )
    if shared and not getattr(properties, "SharedSubscriptionAvailable", 1):
        found.append("it has no shared subscriptions: run one worker")
    return found
