"""Routes for the platforms of neighbouring regions, which sign what they ask (RFC 9421) and are answered signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sharing_platform.database import read_session
from sharing_platform.dependencies import Context, PlatformContext
from sharing_platform.errors import NotSignedInError
from sharing_platform.federation import answering
from sharing_platform.federation.exchange import API
from sharing_platform.federation.feed import read_feed
from sharing_platform.federation.keys import OwnKey, find_own_key
from sharing_platform.federation.messages import AskForItem, EndedOut, FeedPage, HomeRequest, SeekersContact
from sharing_platform.federation.models import ADDED, AGREED, ENDED, Neighbour, UsedNonce
from sharing_platform.federation.signatures import UntrustedError, key_named, sign_answer, verify_request
from sharing_platform.federation.transport import HttpAnswer, HttpRequest, own_address
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix=API, tags=["federation"])

_JSON = "application/json"
_GONE: dict[int | str, dict[str, Any]] = {410: {"model": EndedOut, "description": "This region has ended the exchange"}}


@dataclass(frozen=True)
class Caller:
    """A neighbour whose request is signed, and has not come before."""

    context: PlatformContext
    neighbour_id: str
    key: OwnKey
    request: HttpRequest
    ended: EndedOut | None

    def answer(self, say: Callable[[], BaseModel]) -> Response:
        """Signed, as the answer to this request. `say` is called where the exchange has not ended."""
        status, said = (200, say()) if self.ended is None else (410, self.ended)
        plain = HttpAnswer(status, {"content-type": _JSON}, said.model_dump_json(exclude_defaults=True).encode())
        signed = sign_answer(plain, self.request, self.key, self.context.now())
        return Response(signed.body, status, dict(signed.headers))


async def signed_by_neighbour(request: Request, context: Context) -> Caller:
    """Who asks. Raises NotSignedInError."""
    # As it was sent, and as parameters are read: `request.url` has lost what follows a `#`.
    sent = request.scope["query_string"].decode()
    query = f"?{sent}" if sent else ""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    asked = HttpRequest(
        request.method, f"{own_address(context.url)}{request.url.path}{query}", headers, await request.body()
    )
    return await run_in_threadpool(_find_caller, context, asked)


def _find_caller(context: PlatformContext, request: HttpRequest) -> Caller:
    """Raises NotSignedInError, the same whatever is wrong."""
    named, now = key_named(request), context.now()
    with read_session(context.sessions) as session:
        own = find_own_key(session)
        found = session.scalars(
            select(Neighbour)
            .where(Neighbour.public_key == named)
            .order_by(Neighbour.state == ENDED, Neighbour.added.desc())
        ).first()
    if own is None or found is None or found.state == ADDED:
        raise NotSignedInError("signature")
    try:
        signed = verify_request(request, found.public_key, now)
        with context.sessions.begin() as session:
            session.add(UsedNonce(neighbour_id=found.id, nonce=signed.nonce, expires=signed.expires))
    except (UntrustedError, IntegrityError) as error:
        raise NotSignedInError("signature") from error
    ended = EndedOut(at=found.ended or now) if found.state != AGREED else None
    return Caller(context, found.id, own, request, ended)


Signed = Annotated[Caller, Depends(signed_by_neighbour)]


@router.get("/feed", responses={**problems(401, 422), **_GONE}, response_model=FeedPage)
def get_feed(
    caller: Signed,
    mark: Annotated[str | None, Query(max_length=60, description="`mark` of the page before; without it, all.")] = None,
) -> Response:
    """What is shared with this neighbour, and how its requests stand: what has changed since a mark."""

    def say() -> FeedPage:
        with read_session(caller.context.sessions) as session:
            return read_feed(session, caller.neighbour_id, caller.key, caller.context.zone, mark)

    return caller.answer(say)


@router.get("/requests/{request_id}", responses={**problems(401, 422), **_GONE}, response_model=HomeRequest)
def get_request(request_id: Uuid, caller: Signed) -> Response:
    """How a request stands, for who has heard otherwise: `unknown` where nothing is known of it, as after a restored backup."""
    return caller.answer(lambda: answering.stand_of(caller.context, caller.neighbour_id, request_id))


@router.put("/requests/{request_id}", responses={**problems(401, 422), **_GONE}, response_model=HomeRequest)
def put_request(request_id: Uuid, wanted: AskForItem, caller: Signed) -> Response:
    """Ask for hours or a listing, in the name of an organisation of the neighbour's region. The factory answers; repeating it changes nothing."""
    return caller.answer(lambda: answering.ask(caller.context, caller.neighbour_id, request_id, wanted))


@router.put(
    "/requests/{request_id}/cancellation", responses={**problems(401, 422), **_GONE}, response_model=HomeRequest
)
def put_cancellation(request_id: Uuid, caller: Signed) -> Response:
    """The seeker wants it no more; also of a request that has not come yet."""
    return caller.answer(lambda: answering.cancel(caller.context, caller.neighbour_id, request_id))


@router.put("/requests/{request_id}/contact", responses={**problems(401, 422), **_GONE}, response_model=HomeRequest)
def put_contact(request_id: Uuid, wanted: SeekersContact, caller: Signed) -> Response:
    """Whom the factory turns to, once it has accepted."""
    return caller.answer(lambda: answering.put_contact(caller.context, caller.neighbour_id, request_id, wanted))
