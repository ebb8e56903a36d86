"""Tells open pages that something changed. What waits for a slow page is bounded by the number of topics.

Only pages of the organisations concerned are told at once. When something happens is itself worth knowing, so all others are told at each quarter of an
hour, whether anything has changed or not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sharing_platform.bounds import Bounds
from sharing_platform.errors import TooManyError

TOPICS = ("machines", "offers")
_AGAIN_S = 60
_A_PAGE_S, _MOST_S = 0.5, 180.0
"""All pages are told of a quarter of an hour within so many seconds for each of them, and at most."""


@dataclass(frozen=True)
class Listener:
    """Who opens a page. `organisation` None: anybody; `account` None: somebody who is not signed in."""

    address: str
    account: str | None = None
    organisation: str | None = None


@dataclass(eq=False)
class LivePage:
    """One open page, and the topics that it has not been sent yet."""

    listener: Listener
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    topics: set[str] = field(default_factory=set)

    def wake(self, *topics: str) -> None:
        self.topics.update(topics)
        self.woken.set()

    async def changes(self) -> AsyncIterator[set[str]]:
        """The topics published since the last time."""
        while True:
            await self.woken.wait()
            self.woken.clear()
            topics, self.topics = self.topics, set()
            yield topics


class LiveUpdates:
    """`publish` may be called from any thread. A page that reads slowly gets a topic once, however often it was published meanwhile."""

    def __init__(self, quarter: datetime, bounds: Bounds) -> None:
        """`quarter`: when the present quarter of an hour began, of which all pages have been told."""
        self._pages: set[LivePage] = set()
        self.quarter = quarter
        self._bounds = bounds

    def publish(self, topic: str, *organisations: str | None) -> None:
        """Tell the pages of these organisations. `topic`: one of `TOPICS`."""
        for page in list(self._pages):
            if page.listener.organisation is not None and page.listener.organisation in organisations:
                page.loop.call_soon_threadsafe(page.wake, topic)

    def publish_quarter(self, quarter: datetime) -> None:
        """Tell every page every topic if this quarter of an hour is another one than the last time. Each asks for what is new as soon as it is told, so they are told
        one after the other: hundreds at once would keep everybody else waiting."""
        if quarter == self.quarter:
            return
        self.quarter = quarter
        pages = list(self._pages)
        within_s = min(len(pages) * _A_PAGE_S, _MOST_S)
        for page in pages:
            page.loop.call_soon_threadsafe(page.loop.call_later, random.random() * within_s, page.wake, *TOPICS)

    @contextmanager
    def opened(self, listener: Listener) -> Iterator[LivePage]:
        """A page, while it is open; to be called in the event loop. Raises TooManyError."""
        bounds = self._bounds
        of_address = sum(page.listener.address == listener.address for page in self._pages)
        of_account = sum(page.listener.account == listener.account for page in self._pages)
        if len(self._pages) >= bounds.live_pages:
            raise TooManyError(_AGAIN_S, "too_many_pages")
        if of_address >= bounds.live_pages_of_address:
            raise TooManyError(_AGAIN_S, "too_many_pages_here")
        if listener.account is not None and of_account >= bounds.live_pages_of_account:
            raise TooManyError(_AGAIN_S, "too_many_pages_here")
        page = LivePage(listener, asyncio.get_running_loop())
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)
