"""The stream of events that open pages listen to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sharing_platform.dependencies import Context, client_address
from sharing_platform.live_updates import TOPICS, Listener, LivePage
from sharing_platform.organisations.dependencies import MaybeActor, MaybePerson
from sharing_platform.organisations.permissions import organisation_of

router = APIRouter(include_in_schema=False)

_RECONNECT_MS = 1000


async def _live_page(
    request: Request, context: Context, actor: MaybeActor, person: MaybePerson
) -> AsyncIterator[LivePage]:
    """Open until the answer has ended. Raises TooManyError."""
    listener = Listener(
        client_address(request),
        person.account.id if person is not None else None,
        organisation_of(actor),
    )
    with context.live.opened(listener) as page:
        yield page


@router.get("/live", response_class=EventSourceResponse)
async def get_live(page: Annotated[LivePage, Depends(_live_page)]) -> AsyncIterator[ServerSentEvent]:
    """An event named after each topic that changed. FastAPI sends the keep-alive comments."""
    # What changed while the browser was not connected is not known here, so every topic is sent once.
    for topic in TOPICS:
        yield ServerSentEvent(event=topic, raw_data="changed", retry=_RECONNECT_MS)
    async for topics in page.changes():
        for topic in sorted(topics):
            yield ServerSentEvent(event=topic, raw_data="changed")
