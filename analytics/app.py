"""The web application: the HTTP API and the control room."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from analytics.api import calendars, capacity, comparison, explanations, machines, publishing, reports, server
from analytics.api.context import AnalyticsContext
from analytics.control_room import page as control_room
from analytics.control_room import passkey_page, sign_in
from stores import StoreRefusedError, StoreUnavailableError

_log = logging.getLogger(__name__)

_RETRY_AFTER_S = 10

_ROUTES = [
    route
    for router in (
        machines.router,
        reports.router,
        publishing.router,
        explanations.router,
        calendars.router,
        capacity.router,
        comparison.router,
        server.router,
        server.metrics_router,
        control_room.router,
        sign_in.router,
        passkey_page.router,
    )
    for route in router.routes
]
"""Whole as they are: those of an included router FastAPI would prepare anew when the first request comes, and find more slowly."""


def build_app(
    context: AnalyticsContext | None, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """Create the application with all routes. Its OpenAPI description is served at `/api/v1/openapi.json`. Without a
    context it can only be described."""
    app = FastAPI(
        title="Vrijloop server",
        summary="States, utilisation and spare slots of a factory's machines.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        routes=_ROUTES,
    )
    app.state.analytics = context
    for error in (StoreUnavailableError, StoreRefusedError):
        app.exception_handler(error)(_store_unavailable)
    control_room.add_to(app)
    return app


async def _store_unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.debug("%s could not be answered: %s", request.url.path, error)  # the service logs the failure as a warning
    return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": str(_RETRY_AFTER_S)})


def describe(folder: Path) -> Path:
    """Write the OpenAPI description into `folder`; returns its path."""
    path = folder / "server.openapi.json"
    path.write_text(json.dumps(build_app(None).openapi(), indent=2) + "\n", encoding="utf-8")
    return path
