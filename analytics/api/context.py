"""Dependencies of the routes: the running service, and the factory of the caller.

Those that only look something up are asynchronous: FastAPI sends every other one to a thread, and the way there and back takes longer than the look.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from analytics.api.attempts import Attempts
from analytics.api.identity_provider import FactoryProvider
from analytics.api.people import SERVER_TOKEN, People, Person
from analytics.api.sessions import COOKIE, Failures, Session, Sessions, is_cross_site, is_in_use
from analytics.capacity.settings import CatenaXTable
from analytics.comparison.sender import ComparisonSender
from analytics.history.newest_states import NewestStates
from analytics.i18n import LANGUAGE_COOKIE, choose_language
from analytics.policy.policy import Policy
from analytics.policy.policy_file import PolicyProblem
from analytics.publishing.publications import DatedPromise
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from sign_in.passkeys import RelyingParty
from stores import StateStore
from telemetry import Clock


@dataclass
class AnalyticsContext:
    """`tokens`: bearer token by factory. `status`: returns the status of other parts of the server. `policy_problem`: why the policy file as it is now
    cannot be used. `has_platform`: whether hours can be offered at all. `party`: the site to which passkeys belong; None where there can be none.
    `notice`: what is said before somebody signs in.
    `provider`: where people sign in with the account they have at work. `catena_x`: for whom weekly capacity is exported.
    `comparison`: None without a platform."""

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
    policy_problem: PolicyProblem | None = None
    people: People | None = None
    has_platform: bool = True
    party: RelyingParty | None = None
    notice: str = ""
    provider: FactoryProvider | None = None
    catena_x: CatenaXTable | None = None
    comparison: ComparisonSender | None = None
    streams: int = 0
    attempts: Attempts = field(default_factory=Attempts)
    failures: Failures = field(default_factory=lambda: Failures("wrong tokens and passkeys"))
    provider_failures: Failures = field(default_factory=lambda: Failures("wrong answers of the identity provider"))
    sessions: Sessions = field(default_factory=Sessions)
    newest: NewestStates = field(init=False)

    def __post_init__(self) -> None:
        self.newest = NewestStates(self.store)


async def context_of(request: Request) -> AnalyticsContext:
    return cast("AnalyticsContext", request.app.state.analytics)


Context = Annotated[AnalyticsContext, Depends(context_of)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request. `person` is None where it is a server's token."""

    factory: str
    person: Person | None = None

    @property
    def name(self) -> str:
        """For the log."""
        return self.person.name if self.person is not None else SERVER_TOKEN


def caller_of_token(context: AnalyticsContext, presented: str) -> Caller | None:
    """Whoever has this token: a factory's server, or a person of the server's own factory."""
    match = None
    for factory, token in context.tokens.items():  # compare with all of them, so that the time taken reveals nothing
        if secrets.compare_digest(presented.encode(), token.encode()):
            match = Caller(factory)
    if match is None and context.people is not None and (person := context.people.of_token(presented)) is not None:
        match = Caller(context.policy.factory, person)
    return match


def session_of(context: AnalyticsContext, request: Request) -> Session | None:
    """The browser's session in the control room; None where there is none, or it is locked."""
    return context.sessions.find(request.cookies.get(COOKIE, ""), context.clock.now(), in_use=is_in_use(request))


def caller_of_session(context: AnalyticsContext, request: Request) -> Caller | None:
    """Whoever signed in to the control room with this browser, unless they have been removed since."""
    session = session_of(context, request)
    if session is None:
        return None
    if session.person is None or session.vouched_for:
        return Caller(session.factory, session.person)
    person = context.people.of_id(session.person.id) if context.people is not None else None
    return Caller(session.factory, person) if person is not None else None


def caller_of_request(
    request: Request,
    context: Context,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> Caller:
    """Whoever has the bearer token, or the session in the control room. Raises HTTPException with 401 if there is neither."""
    caller = caller_of_token(context, credentials.credentials) if credentials is not None else None
    if credentials is None and not is_cross_site(request):
        caller = caller_of_session(context, request)
    if caller is None:
        raise HTTPException(401, "A valid bearer token is required.", {"WWW-Authenticate": "Bearer"})
    return caller


AnyCaller = Annotated[Caller, Depends(caller_of_request)]


async def factory_of(caller: AnyCaller) -> str:
    """The factory whose machines the caller may see."""
    return caller.factory


Factory = Annotated[str, Depends(factory_of)]


async def own_caller(context: Context, caller: AnyCaller) -> Caller:
    """A caller of the factory whose analytics run here. Raises HTTPException with 404 for any other."""
    if caller.factory != context.policy.factory:
        raise HTTPException(404, "Not found.")
    return caller


OwnCaller = Annotated[Caller, Depends(own_caller)]


async def own_factory(caller: OwnCaller) -> str:
    """The factory whose analytics run here, for its own callers."""
    return caller.factory


OwnFactory = Annotated[str, Depends(own_factory)]


async def own_server(caller: OwnCaller) -> str:
    """As `own_factory`, but for the server's token alone. Raises HTTPException with 403 for persons."""
    if caller.person is not None:
        raise HTTPException(403, "Only the server's token may do this.")
    return caller.factory


OwnServer = Annotated[str, Depends(own_server)]


def reader_language(request: Request, lang: str | None) -> str:
    """The language of texts in the answer. `lang`: what the address asks for."""
    return choose_language(lang, request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


async def _reader_language(
    request: Request,
    lang: Annotated[
        str | None, Query(max_length=5, description="nl, fr or en; else as `Accept-Language` says.")
    ] = None,
) -> str:
    return reader_language(request, lang)


ReaderLanguage = Annotated[str, Depends(_reader_language)]
