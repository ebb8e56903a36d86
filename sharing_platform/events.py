"""Events between domains whose imports must not run that way.

A domain publishes an event that it defines itself; `app.py` subscribes the functions of the domains that stand on it. Handlers run at
once, in the publisher's transaction: if one raises, everything is rolled back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

_E = TypeVar("_E")


class Events:
    """Handlers by type of event."""

    def __init__(self) -> None:
        self._handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[_E], handler: Callable[[_E], None]) -> None:
        self._handlers[kind].append(handler)

    def publish(self, event: object) -> None:
        """Call each handler of the event's type, in the order in which they were subscribed. Raises what a handler raises."""
        for handler in self._handlers[type(event)]:
            handler(event)
