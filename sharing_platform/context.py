"""What every route needs, built once per application and passed in as dependencies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.booking.told import Teller
from sharing_platform.database import TROUBLES, Now, reading
from sharing_platform.errors import NotSignedInError
from sharing_platform.finding.catalogue import Catalogue
from sharing_platform.live import LiveHub
from sharing_platform.people import tokens
from sharing_platform.people.access import TOKEN_SCOPES, Actor, Kind, Right, require
from sharing_platform.people.accounts import SignedIn, signed_in
from sharing_platform.people.registration import Doorway

CONFIGURED_TOKEN = "configured"  # noqa: S105 - how such a token is called in the audit log


@dataclass(frozen=True)
class PlatformContext:
    """`tokens`: factory to its bearer token, from the operator's configuration. `zone`: the region's time zone, in which the pages show
    times. `url`: where the platform is found."""

    sessions: sessionmaker[Session]
    now: Now
    hub: LiveHub
    tokens: Mapping[str, str]
    zone: str
    url: str
    private_webhooks: bool
    changed: Callable[[], None]
    """Told when something waits to be delivered or matched, once that is durable. Must return at once."""
    catalogue: Catalogue = field(default_factory=Catalogue)

    @property
    def told(self) -> Teller:
        return Teller(self.url, self.zone)

    @property
    def doorway(self) -> Doorway:
        return Doorway(self.url, self.zone)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The prefix makes browsers refuse the cookie from a neighbouring host, and without TLS."""
        return "__Host-session" if self.secure else "session"


def context_of(request: Request) -> PlatformContext:
    return cast("PlatformContext", request.app.state.context)


Context = Annotated[PlatformContext, Depends(context_of)]


def reading_session(context: Context) -> Iterator[Session]:
    """A session that keeps no writer waiting."""
    with reading(context.sessions) as session:
        yield session


Reading = Annotated[Session, Depends(reading_session)]
_Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="An organisation's API token, or one that the operator gave.")),
]


def person_of(request: Request, context: Context) -> SignedIn | None:
    """Who is signed in with a browser."""
    secret = request.cookies.get(context.cookie)
    if not secret:
        return None
    with reading(context.sessions) as session:
        return signed_in(session, secret, context.now())


MaybePerson = Annotated[SignedIn | None, Depends(person_of)]


def a_person(person: MaybePerson) -> SignedIn:
    """Raises NotSignedInError."""
    if person is None:
        raise NotSignedInError
    return person


Person = Annotated[SignedIn, Depends(a_person)]


def actor_of(context: Context, given: _Bearer, person: MaybePerson) -> Actor | None:
    """Who makes the request; None is anybody. A token that is wrong is refused, not ignored. Raises NotSignedInError."""
    if given is None:
        return person.actor() if person is not None else None
    offered = given.credentials.encode()
    for factory, configured in context.tokens.items():
        if secrets.compare_digest(offered, configured.encode()):
            return Actor(factory, Kind.FACTORY, True, frozenset(TOKEN_SCOPES), token=CONFIGURED_TOKEN)
    with reading(context.sessions) as session:
        found = tokens.token_of(session, given.credentials)
    if found is None:
        raise NotSignedInError("token")
    token, organisation = found
    if tokens.needs_noting(token, context.now()):
        # A token may still be read with where nothing can be written.
        with suppress(*TROUBLES), context.sessions.begin() as session:
            session.merge(token).last_used = context.now()
    return tokens.actor_of(token, organisation)


MaybeActor = Annotated[Actor | None, Depends(actor_of)]


class Needs:
    """A dependency: the caller, who has this right. Tests read `right` off each route."""

    def __init__(self, right: Right) -> None:
        self.right = right

    def __call__(self, actor: MaybeActor) -> Actor:
        return require(actor, self.right)


Reader = Annotated[Actor, Depends(Needs(Right.READ))]
Asker = Annotated[Actor, Depends(Needs(Right.ASK))]
Answerer = Annotated[Actor, Depends(Needs(Right.ANSWER))]
Offerer = Annotated[Actor, Depends(Needs(Right.OFFER))]
Lister = Annotated[Actor, Depends(Needs(Right.LIST))]
Integrator = Annotated[Actor, Depends(Needs(Right.INTEGRATE))]
Governor = Annotated[Actor, Depends(Needs(Right.GOVERN))]
Regional = Annotated[Actor, Depends(Needs(Right.REGION))]


def address_of(request: Request) -> str:
    """Where the request comes from, as the proxy in front says where uvicorn was told to believe it."""
    return request.client.host if request.client else "unknown"
