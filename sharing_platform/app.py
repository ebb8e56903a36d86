"""Puts the platform together: database, API, pages, security headers, problem details."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from sharing_platform import api, pages
from sharing_platform.context import PlatformContext
from sharing_platform.database import Now, open_database
from sharing_platform.live import LiveHub

_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class PlatformSettings:
    """`tokens`: factory to bearer token."""

    database_url: str
    tokens: Mapping[str, str]
    zone: str = "Europe/Brussels"


def create_app(settings: PlatformSettings, now: Now, booked: Callable[[str], None] = lambda _: None) -> FastAPI:
    """`booked` is told the factory whose hours were booked. Raises DatabaseError where the database cannot be opened."""
    sessions = open_database(settings.database_url)
    app = FastAPI(title="Vrijloop sharing platform", version="1", docs_url=None, redoc_url=None)
    app.state.context = PlatformContext(sessions, now, LiveHub(), settings.tokens, settings.zone, booked)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.exception_handler(HTTPException)(_http_problem)
    app.exception_handler(RequestValidationError)(_validation_problem)

    @app.middleware("http")
    async def add_security_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_SECURITY_HEADERS)
        return response

    return app


async def _http_problem(_: Request, error: HTTPException) -> JSONResponse:
    members = error.members if isinstance(error, api.ProblemError) else {}
    return _problem(error.status_code, str(error.detail), error.headers, **members)


async def _validation_problem(_: Request, error: RequestValidationError) -> JSONResponse:
    fields = [
        {"field": ".".join(str(step) for step in one["loc"]), "problem": one["msg"]} for one in error.errors()[:20]
    ]
    shown = "; ".join(f"{one['field']}: {one['problem']}" for one in fields[:3])
    return _problem(422, f"The request is not valid: {shown}", errors=fields)


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")
