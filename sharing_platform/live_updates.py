"""Tells open pages that something changed. What waits for a slow page is bounded by the number of topics.

Only pages of the organisations concerned are told at once. When something happens is itself worth knowing, so all others are told at each quarter of an
hour, whether anything has changed or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

TOPICS = ("machines", "offers")
MAX_PAGES = 500


class TooManyPagesError(Exception):
    """The limit of open live connections is reached."""


@dataclass(eq=False)
class _Page:
    """One open page, and the topics that it has not been sent yet."""

    organisation: str | None
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    topics: set[str] = field(default_factory=set)

    def wake(self, *topics: str) -> None:
        self.topics.update(topics)
        self.woken.set()


class LiveUpdates:
    """`publish` may be called from any thread. A page that reads slowly gets a topic once, however often it was published meanwhile."""

    def __init__(self, quarter: datetime) -> None:
        """`quarter`: when the present quarter of an hour began."""
        self._pages: set[_Page] = set()
        self._quarter = quarter

    def publish(self, topic: str, *organisations: str | None) -> None:
        """Tell the pages of these organisations. `topic`: one of `TOPICS`."""
        for page in list(self._pages):
            if page.organisation is not None and page.organisation in organisations:
                page.loop.call_soon_threadsafe(page.wake, topic)

    def publish_quarter(self, quarter: datetime) -> None:
        """Tell every page every topic if this quarter of an hour is another one than the last time."""
        if quarter == self._quarter:
            return
        self._quarter = quarter
        for page in list(self._pages):
            page.loop.call_soon_threadsafe(page.wake, *TOPICS)

    def full(self) -> bool:
        return len(self._pages) >= MAX_PAGES

    async def listen(self, organisation: str | None) -> AsyncIterator[set[str]]:
        """The topics published since the last time to the pages of an organisation, or of anybody. Raises TooManyPagesError."""
        if self.full():
            raise TooManyPagesError
        page = _Page(organisation, asyncio.get_running_loop())
        self._pages.add(page)
        try:
            while True:
                await page.woken.wait()
                page.woken.clear()
                topics, page.topics = page.topics, set()
                yield topics
        finally:
            self._pages.discard(page)
