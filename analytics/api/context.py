"""What the routes need, and who is asking."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from analytics.api.sessions import COOKIE, Sessions, is_cross_site
from analytics.history.newest_states import NewestStates
from analytics.policy.policy import Policy
from analytics.publishing.publications import DatedPromise
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from stores import StateStore
from telemetry import Clock


@dataclass
class AnalyticsContext:
    """`tokens`: factory to bearer token. `status` adds what other parts of the server know of themselves."""

    store: StateStore
    service: AnalyticsService
    policy: Policy
    clock: Clock
    tokens: Mapping[str, str]
    status: Callable[[], Mapping[str, Any]]
    metrics: Callable[[], str]
    publishing: PublisherState
    webhook_secret: str | None = None
    backup: Callable[[], Mapping[str, Any]] | None = None
    promises_of: Callable[[str, datetime], Sequence[DatedPromise]] = field(default=lambda _, __: ())
    streams: int = 0
    sessions: Sessions = field(default_factory=Sessions)
    newest: NewestStates = field(init=False)

    def __post_init__(self) -> None:
        self.newest = NewestStates(self.store)


def context_of(request: Request) -> AnalyticsContext:
    return cast("AnalyticsContext", request.app.state.analytics)


Context = Annotated[AnalyticsContext, Depends(context_of)]


def factory_of_token(tokens: Mapping[str, str], presented: str) -> str | None:
    """The factory that has this token."""
    found = None
    for factory, token in tokens.items():  # all of them: how long it takes tells nothing
        if secrets.compare_digest(presented.encode(), token.encode()):
            found = factory
    return found


def factory_of(
    request: Request,
    context: Context,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    """The factory whose token was given, or whose person is signed in to the control room. Everything here is a factory's own:
    without either there is nothing to see."""
    found = factory_of_token(context.tokens, given.credentials) if given is not None else None
    if given is None and not is_cross_site(request):
        found = context.sessions.factory(request.cookies.get(COOKIE, ""), context.clock.now())
    if found is None:
        raise HTTPException(401, "A valid bearer token is needed.", {"WWW-Authenticate": "Bearer"})
    return found


Factory = Annotated[str, Depends(factory_of)]


def own_factory(context: Context, factory: Factory) -> str:
    """For what concerns the factory whose analytics run here: for every other one it does not exist."""
    if factory != context.policy.factory:
        raise HTTPException(404, "There is no such thing.")
    return factory


OwnFactory = Annotated[str, Depends(own_factory)]
