"""Responses to requests that fail: problem details (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sharing_platform.database import UNAVAILABLE, message_of
from sharing_platform.dependencies import get_context
from sharing_platform.errors import InvalidError, PlatformError, TooManyError
from sharing_platform.i18n import texts
from sharing_platform.middleware import App, Receive, Scope, Send, request_number
from sharing_platform.pages import problem_page

_log = logging.getLogger(__name__)

_DATABASE_AGAIN_S = 10
_TO_PROGRAMS = {
    "sign_in": "Sign in first, or give a valid bearer token.",
    "token": "A valid bearer token is needed.",
    "cursor": "This API has never given out that `cursor`.",
}
"""What programs are told otherwise than people, to whom the translations speak."""


def add_error_handlers(app: FastAPI) -> None:
    """Register the handlers of `app`."""
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(RequestValidationError)(_of_validation)
    app.exception_handler(PlatformError)(_of_the_platform)
    for kind in UNAVAILABLE:
        app.exception_handler(kind)(_of_the_database)


def problem(
    status: int,
    code: str,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
    detail: str | None = None,
) -> JSONResponse:
    """A response with problem details. `members`: additional members; `detail`: replaces the sentence of `code`."""
    said = detail or _TO_PROGRAMS.get(code) or texts("en")[f"error_{code}"]
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": said, "code": code}
    return JSONResponse(
        body | dict(members or {}), status, headers=dict(headers or {}), media_type="application/problem+json"
    )


def refusal(status: int, code: str) -> App:
    """Answers requests that reach no route."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await (await _answer(Request(scope), status, code))(scope, receive, send)

    return refuse


async def internal_error(scope: Scope, receive: Receive, send: Send) -> None:
    """After a defect of the platform. The number of the request leads to its entry in the log."""
    number = request_number(scope)
    answer = await _answer(Request(scope, receive), 500, "defect", members={"request": number}, number=number)
    await answer(scope, receive, send)


async def _of_the_database(request: Request, error: Exception) -> Response:
    """It is unreachable, full or busy; the next attempt may succeed."""
    _log.error("The database cannot answer: %s (request %s).", message_of(error), request_number(request.scope))
    return await _answer(request, 503, "database", {"Retry-After": str(_DATABASE_AGAIN_S)})


async def _of_the_platform(request: Request, error: Exception) -> Response:
    if not isinstance(error, PlatformError):
        raise error
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    more = {"errors": [{"field": error.field, "problem": error.code}]} if isinstance(error, InvalidError) else {}
    return await _answer(request, error.status, error.code, headers, error.members | more)


async def _of_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "missing", 405: "missing"}.get(error.status_code, "request")
    return await _answer(request, error.status_code, code, error.headers, detail=str(error.detail))


async def _of_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    fields = [
        {"field": ".".join(str(step) for step in detail["loc"]), "problem": detail["msg"]}
        for detail in error.errors()[:20]
    ]
    shown = "; ".join(f"{field['field']}: {field['problem']}" for field in fields[:3])
    return await _answer(
        request, 422, "request", members={"errors": fields}, detail=f"The request is not valid: {shown}"
    )


async def _answer(
    request: Request,
    status: int,
    code: str,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
    detail: str | None = None,
    number: str | None = None,
) -> Response:
    """`members` and `detail` are for programs, `number` is for people."""
    if not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", ""):
        return problem_page(request, status, code, dict(headers or {}), await _visitor(request, status), number)
    return problem(status, code, headers, members, detail)


async def _visitor(request: Request, status: int) -> Mapping[str, object]:
    """Who is signed in, for the header of the page; nobody while the database is away. What went wrong may keep it from being known, too."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {}
    with suppress(Exception):
        return await run_in_threadpool(get_context(request).visitor, request)
    return {}
