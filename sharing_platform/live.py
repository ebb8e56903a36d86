"""Tells open pages that something changed: server-sent events, what is pending per page is bounded by the topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

TOPICS = ("machines", "offers")

MAX_PAGES = 500
_KEEP_ALIVE_S = 15.0


class TooManyPagesError(Exception):
    """The bound of simultaneously open live connections is reached."""


@dataclass(eq=False)
class _Page:
    """One open page: what it has not been told yet."""

    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    topics: set[str] = field(default_factory=set)

    def wake(self, topic: str) -> None:
        self.topics.add(topic)
        self.woken.set()


class LiveHub:
    """`tell` from any thread; a page that is slow gets a topic once, however often it was told meanwhile."""

    def __init__(self) -> None:
        self._pages: set[_Page] = set()

    def tell(self, topic: str) -> None:
        """`topic`: one of `TOPICS`."""
        for page in list(self._pages):
            page.loop.call_soon_threadsafe(page.wake, topic)

    def full(self) -> bool:
        return len(self._pages) >= MAX_PAGES

    async def listen(self) -> AsyncIterator[set[str]]:
        """The topics told since the last time; an empty set as a keep-alive. Raises TooManyPagesError."""
        if self.full():
            raise TooManyPagesError
        page = _Page(asyncio.get_running_loop())
        self._pages.add(page)
        try:
            while True:
                try:
                    async with asyncio.timeout(_KEEP_ALIVE_S):
                        await page.woken.wait()
                except TimeoutError:
                    yield set()
                    continue
                page.woken.clear()
                topics, page.topics = page.topics, set()
                yield topics
        finally:
            self._pages.discard(page)
