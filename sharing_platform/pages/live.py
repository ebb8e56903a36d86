"""Server-sent events that name what changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse

from sharing_platform.context import Context
from sharing_platform.live import TOPICS, LiveHub

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def get_live(context: Context) -> StreamingResponse:
    if context.hub.full():
        raise HTTPException(503, "Too many pages are open at once; reload by hand.")
    return StreamingResponse(
        _events(context.hub), media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
    )


async def _events(hub: LiveHub) -> AsyncIterator[str]:
    # What changed before the connection stood, or while it was broken, is not known here: everything is told once.
    yield "retry: 1000\n\n" + _told(TOPICS)
    async for topics in hub.listen():
        yield _told(topics) or ": still here\n\n"


def _told(topics: Collection[str]) -> str:
    return "".join(f"event: {topic}\ndata: changed\n\n" for topic in sorted(topics))
