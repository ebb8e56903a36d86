"""Puts the platform together: database, API, pages, what passes every request, problem details, the clockwork."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from sharing_platform import pages
from sharing_platform.api import bookings, integrations, listings, offers, organisations, people, searches
from sharing_platform.clockwork import start_clockwork
from sharing_platform.context import PlatformContext
from sharing_platform.database import Now, open_database
from sharing_platform.description import describe
from sharing_platform.edge import Edge
from sharing_platform.errors import InvalidError, PlatformError, TooManyError
from sharing_platform.live import LiveHub
from sharing_platform.notices import webhooks
from sharing_platform.notices.courier import Post, Ways
from sharing_platform.notices.mail import Mailer
from sharing_platform.people.organisations import ensure
from sharing_platform.words import texts

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
    ways = Ways(settings.mailer, settings.sender, settings.post, settings.private_webhooks)
    hub = LiveHub()
    waking: list[Callable[[], None]] = []

    def changed() -> None:
        for wake in waking:
            wake()

    context = PlatformContext(
        sessions, now, hub, settings.tokens, settings.zone, settings.url.rstrip("/"), settings.private_webhooks, changed
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clockwork = start_clockwork(context, ways, timedelta(seconds=settings.clockwork_s))
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
    app.exception_handler(HTTPException)(_http_problem)
    app.exception_handler(RequestValidationError)(_validation_problem)
    app.exception_handler(PlatformError)(_platform_problem)
    app.openapi = lambda: describe(app, ROUTERS, context.cookie)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    refuse = _problem(403, texts("en")["error_other_site"], code="other_site")
    too_long = _problem(413, texts("en")["error_too_long"], code="too_long")
    unreadable = _problem(400, texts("en")["error_request"], code="request")
    app.add_middleware(Edge, url=settings.url, refuse=refuse, too_long=too_long, unreadable=unreadable)
    return app


async def _platform_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, PlatformError):
        raise error
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if _for_people(request):
        return pages.problem_page(request, error.status, error.code, headers)
    more = {"errors": [{"field": error.field, "problem": error.code}]} if isinstance(error, InvalidError) else {}
    return _problem(error.status, texts("en")[f"error_{error.code}"], headers, code=error.code, **error.members, **more)


async def _http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if _for_people(request):
        code = {404: "missing", 405: "missing", 503: "busy"}.get(error.status_code, "request")
        return pages.problem_page(request, error.status_code, code, dict(error.headers or {}))
    return _problem(error.status_code, str(error.detail), error.headers)


async def _validation_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    if _for_people(request):
        return pages.problem_page(request, 422, "request", {})
    fields = [
        {"field": ".".join(str(step) for step in one["loc"]), "problem": one["msg"]} for one in error.errors()[:20]
    ]
    shown = "; ".join(f"{one['field']}: {one['problem']}" for one in fields[:3])
    return _problem(422, f"The request is not valid: {shown}", code="request", errors=fields)


def _for_people(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")
