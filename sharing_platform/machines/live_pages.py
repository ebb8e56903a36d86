"""The stream of events that open pages listen to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sharing_platform.dependencies import Context
from sharing_platform.live_updates import TOPICS, LiveUpdates
from sharing_platform.organisations.dependencies import MaybeActor

router = APIRouter(include_in_schema=False)

_RECONNECT_MS = 1000


def _with_room(context: Context) -> LiveUpdates:
    if context.live.full():
        raise HTTPException(503, "Too many pages are open at once. Reload this page to see changes.")
    return context.live


@router.get("/live", response_class=EventSourceResponse)
async def get_live(
    live: Annotated[LiveUpdates, Depends(_with_room)], actor: MaybeActor
) -> AsyncIterator[ServerSentEvent]:
    """An event named after each topic that changed. FastAPI sends the keep-alive comments."""
    # What changed while the browser was not connected is not known here, so every topic is sent once.
    for topic in TOPICS:
        yield ServerSentEvent(event=topic, raw_data="changed", retry=_RECONNECT_MS)
    async for topics in live.listen(actor.organisation if actor is not None else None):
        for topic in sorted(topics):
            yield ServerSentEvent(event=topic, raw_data="changed")
