"""What every route needs, built once per application and passed in as dependencies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import Now
from sharing_platform.live import LiveHub


@dataclass(frozen=True)
class PlatformContext:
    """`tokens`: factory to its bearer token. `zone`: the region's time zone, in which the pages show times."""

    sessions: sessionmaker[Session]
    now: Now
    hub: LiveHub
    tokens: Mapping[str, str]
    zone: str
    booked: Callable[[str], None]
    """Told the factory whose hours were booked, once that is durable. Must return at once."""


def context_of(request: Request) -> PlatformContext:
    return cast("PlatformContext", request.app.state.context)


Context = Annotated[PlatformContext, Depends(context_of)]


def reading_session(context: Context) -> Iterator[Session]:
    """A session that keeps no writer waiting."""
    with context.sessions() as session:
        session.connection(execution_options={"readonly": True})
        yield session


def factory_of_token(
    context: Context, given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
) -> str:
    """The factory whose token was given; a token may change what is its factory's, and nothing else."""
    found = _holder(context, given)
    if found is None:
        raise HTTPException(401, "A valid bearer token is needed.", {"WWW-Authenticate": "Bearer"})
    return found


def viewer_of(
    context: Context, given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
) -> str | None:
    """The member who looks, or None for anybody. A token that is wrong is refused, not ignored."""
    return None if given is None else factory_of_token(context, given)


def _holder(context: PlatformContext, given: HTTPAuthorizationCredentials | None) -> str | None:
    offered = given.credentials.encode() if given else b""
    found = [factory for factory, token in context.tokens.items() if secrets.compare_digest(offered, token.encode())]
    return found[0] if found else None


Viewer = Annotated[str | None, Depends(viewer_of)]
Reading = Annotated[Session, Depends(reading_session)]
OwnFactory = Annotated[str, Depends(factory_of_token)]
