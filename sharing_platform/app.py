"""Puts the platform together: database, API, pages, what passes every request, problem details, the clockwork."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from sharing_platform import pages
from sharing_platform.bookings import api as bookings
from sharing_platform.organisations import webhooks_api as integrations
from sharing_platform.listings import api as listings
from sharing_platform.machines import api as offers
from sharing_platform.organisations import api as organisations
from sharing_platform.organisations import accounts_api as people
from sharing_platform.wanted import api as searches
from sharing_platform.scheduler import start_background_threads
from sharing_platform.dependencies import PlatformContext
from sharing_platform.database import Now, open_database
from sharing_platform.openapi import describe
from sharing_platform.middleware import Edge
from sharing_platform.live_updates import LiveUpdates
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.delivery import Post, Channels
from sharing_platform.notifications.mail import Mailer
from sharing_platform.organisations.directory import ensure
from sharing_platform.error_responses import answer_problems, broken, problem

ROUTERS = (
    *(part.router for part in (offers, bookings, listings, searches, people, organisations, integrations)),
    integrations.feed_router,
    *pages.ROUTERS,
)
"""Everything that answers, but for files and the description."""


def nowhere(*_: object) -> str | None:
    """The way of webhooks where there is none."""
    return "webhooks are not set up"


@dataclass(frozen=True)
class PlatformSettings:
    """`tokens`: factory to bearer token; `webhooks`: factory to (url, secret). `url`: where browsers find the platform, for links.
    `mailer` None: e-mails wait. `private_webhooks`: organisations may name addresses of private networks (demo and tests)."""

    database_url: str
    tokens: Mapping[str, str]
    zone: str = "Europe/Brussels"
    url: str = "http://127.0.0.1:8340"
    webhooks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mailer: Mailer | None = None
    sender: str = "vrijloop@localhost"
    post: Post = nowhere
    private_webhooks: bool = False
    clockwork_s: float = 2.0


def create_app(settings: PlatformSettings, now: Now) -> FastAPI:
    """Raises DatabaseError where the database cannot be opened."""
    sessions = open_database(settings.database_url)
    with sessions.begin() as session:
        ensure(session, {*settings.tokens, *settings.webhooks}, now())
        session.flush()
        webhooks.configure(session, settings.webhooks, now())
    ways = Channels(settings.mailer, settings.sender, settings.post, settings.private_webhooks)
    hub = LiveUpdates()
    waking: list[Callable[[], None]] = []

    def changed() -> None:
        for wake in waking:
            wake()

    context = PlatformContext(
        sessions, now, hub, settings.tokens, settings.zone, settings.url.rstrip("/"), settings.private_webhooks, changed
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clockwork = start_background_threads(context, ways, timedelta(seconds=settings.clockwork_s))
        waking.extend(one.wake for one in clockwork)
        try:
            yield
        finally:
            for one in clockwork:
                one.stop()

    app = FastAPI(
        title="Vrijloop sharing platform",
        version="1",
        description="Spare machine hours of a region's factories, and what else they share: found, asked for, booked.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = context
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    answer_problems(app)
    app.openapi = lambda: describe(app, ROUTERS, context.cookie)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    app.add_middleware(
        Edge,
        url=settings.url,
        refuse=problem(403, "other_site"),
        too_long=problem(413, "too_long"),
        unreadable=problem(400, "request"),
        broken=broken,
    )
    return app
