"""The stream of events that open pages listen to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sharing_platform.dependencies import Context, client_address
from sharing_platform.live_updates import TOPICS, Listener, LivePage
from sharing_platform.organisations.dependencies import MaybeActor, MaybePerson
from sharing_platform.organisations.permissions import organisation_of

router = APIRouter(include_in_schema=False)

_RECONNECT_MS = 1000
Quarter = Annotated[int | None, Query(ge=0, le=2**40)]


def quarter_number(quarter: datetime) -> int:
    """As the addresses of streams have it."""
    return int(quarter.timestamp())


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
async def get_live(
    page: Annotated[LivePage, Depends(_live_page)], context: Context, quarter: Quarter = None
) -> AsyncIterator[ServerSentEvent]:
    """An event named after each topic that changed. `quarter`: the one in which the page was made. FastAPI sends the keep-alive comments."""
    yield ServerSentEvent(comment="open", retry=_RECONNECT_MS)
    # Strangers are told of changes at each quarter of an hour alone. What members were not told while they were not connected is not known here.
    knows_all = page.listener.organisation is None and quarter == quarter_number(context.live.quarter)
    for topic in () if knows_all else TOPICS:
        yield ServerSentEvent(event=topic, raw_data="changed")
    async for topics in page.changes():
        for topic in sorted(topics):
            yield ServerSentEvent(event=topic, raw_data="changed")
