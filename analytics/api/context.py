"""Dependencies of the routes: the running service, and the factory of the caller."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from analytics.api.sessions import COOKIE, Sessions, is_cross_site
from analytics.history.newest_states import NewestStates
from analytics.i18n import LANGUAGE_COOKIE, choose_language
from analytics.policy.policy import Policy
from analytics.publishing.publications import DatedPromise
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from stores import StateStore
from telemetry import Clock


@dataclass
class AnalyticsContext:
    """`tokens`: bearer token by factory. `status`: returns the status of other parts of the server. `policy_problem`: why the policy file as it is now
    cannot be used."""

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
    policy_problem: str | None = None
    streams: int = 0
    sessions: Sessions = field(default_factory=Sessions)
    newest: NewestStates = field(init=False)

    def __post_init__(self) -> None:
        self.newest = NewestStates(self.store)


def context_of(request: Request) -> AnalyticsContext:
    return cast("AnalyticsContext", request.app.state.analytics)


Context = Annotated[AnalyticsContext, Depends(context_of)]


def factory_of_token(tokens: Mapping[str, str], presented: str) -> str | None:
    """The factory that has this token, or None."""
    match = None
    for factory, token in tokens.items():  # compare with all of them, so that the time taken reveals nothing
        if secrets.compare_digest(presented.encode(), token.encode()):
            match = factory
    return match


def factory_of(
    request: Request,
    context: Context,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    """The factory of the bearer token, or of the session in the control room. Raises HTTPException with 401 if there
    is neither."""
    factory = factory_of_token(context.tokens, credentials.credentials) if credentials is not None else None
    if credentials is None and not is_cross_site(request):
        factory = context.sessions.factory(request.cookies.get(COOKIE, ""), context.clock.now())
    if factory is None:
        raise HTTPException(401, "A valid bearer token is required.", {"WWW-Authenticate": "Bearer"})
    return factory


Factory = Annotated[str, Depends(factory_of)]


def own_factory(context: Context, factory: Factory) -> str:
    """The caller's factory, if it is the one whose analytics run here. Raises HTTPException with 404 for any other."""
    if factory != context.policy.factory:
        raise HTTPException(404, "Not found.")
    return factory


OwnFactory = Annotated[str, Depends(own_factory)]


def reader_language(
    request: Request,
    lang: Annotated[
        str | None, Query(max_length=5, description="nl, fr or en; else as `Accept-Language` says.")
    ] = None,
) -> str:
    """The language of texts in the answer."""
    return choose_language(lang, request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


ReaderLanguage = Annotated[str, Depends(reader_language)]
