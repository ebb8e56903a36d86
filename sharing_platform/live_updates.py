"""Tells open pages that something changed, by server-sent events. What waits for a slow page is bounded by the number of topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

if TYPE_CHECKING:
    from sharing_platform.dependencies import PlatformContext

TOPICS = ("machines", "offers")
MAX_PAGES = 500
_RECONNECT_MS = 1000


class TooManyPagesError(Exception):
    """The limit of open live connections is reached."""


@dataclass(eq=False)
class _Page:
    """One open page, and the topics that it has not been sent yet."""

    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    topics: set[str] = field(default_factory=set)

    def wake(self, topic: str) -> None:
        self.topics.add(topic)
        self.woken.set()


class LiveUpdates:
    """`publish` may be called from any thread. A page that reads slowly gets a topic once, however often it was published meanwhile."""

    def __init__(self) -> None:
        self._pages: set[_Page] = set()

    def publish(self, topic: str) -> None:
        """`topic`: one of `TOPICS`."""
        for page in list(self._pages):
            page.loop.call_soon_threadsafe(page.wake, topic)

    def full(self) -> bool:
        return len(self._pages) >= MAX_PAGES

    async def listen(self) -> AsyncIterator[set[str]]:
        """The topics published since the last time. Raises TooManyPagesError."""
        if self.full():
            raise TooManyPagesError
        page = _Page(asyncio.get_running_loop())
        self._pages.add(page)
        try:
            while True:
                await page.woken.wait()
                page.woken.clear()
                topics, page.topics = page.topics, set()
                yield topics
        finally:
            self._pages.discard(page)


router = APIRouter(include_in_schema=False)


def _with_room(request: Request) -> LiveUpdates:
    context: PlatformContext = request.app.state.context
    if context.live.full():
        raise HTTPException(503, "Too many pages are open at once. Reload this page to see changes.")
    return context.live


@router.get("/live", response_class=EventSourceResponse)
async def get_live(live: Annotated[LiveUpdates, Depends(_with_room)]) -> AsyncIterator[ServerSentEvent]:
    """An event named after each topic that changed. FastAPI sends the keep-alive comments."""
    # What changed while the browser was not connected is not known here, so every topic is sent once.
    for topic in TOPICS:
        yield ServerSentEvent(event=topic, raw_data="changed", retry=_RECONNECT_MS)
    async for topics in live.listen():
        for topic in sorted(topics):
            yield ServerSentEvent(event=topic, raw_data="changed")
