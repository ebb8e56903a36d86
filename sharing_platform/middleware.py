"""Middleware for every request: refuses forms of other sites, adds security headers, and answers 304 where nothing has changed."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect

Scope = MutableMapping[str, Any]
Received = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Received]]
Send = Callable[[Received], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)  # fmt: skip
_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_NAMED = ("offer_id", "booking_id", "listing_id", "factory", "machine")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
MAX_BODY = 1_000_000
MAX_FILES_BODY = 26_000_000
"""Of a form with files. Each of them may have ten megabytes."""
_NUMBER = "request_number"


class RequestMiddleware:
    """ASGI middleware. `url`: the platform's public address, whose host is accepted beside the request's `Host`. `refuse` answers requests
    from other sites, `broken` those that raised an unexpected exception. `takes_files`: whether files are sent to a path, which may be longer than anything else."""

    def __init__(
        self,
        app: App,
        url: str,
        refuse: App,
        too_long: App,
        unreadable: App,
        broken: App,
        takes_files: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._host = urlsplit(url).netloc
        self._secure = url.startswith("https://")
        self._refuse = refuse
        self._too_long = too_long
        self._unreadable = unreadable
        self._broken = broken
        self._takes_files = takes_files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        app = self._app
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            app = self._unreadable  # no identifier contains it, and PostgreSQL refuses it
        elif scope["method"] not in SAFE:
            if self._is_cross_site(headers):
                app = self._refuse
            elif not headers.get("content-length", "0").isdigit() or int(
                headers.get("content-length", "0")
            ) > self._most(scope, headers):
                app = self._too_long
        given = headers.get("x-request-id", "")
        number = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})[_NUMBER] = number
        tagged = scope["method"] == "GET" and scope["path"].startswith("/api/")
        tagging = _ETagged(send, headers.get("if-none-match")) if tagged else None
        answer = _SecuredResponse(tagging.send if tagging else send, scope, self._secure)
        try:
            await app(scope, _bounded(receive, self._most(scope, headers)), answer.send)
        except ClientDisconnect:
            # `_bounded` raises this for a body that is too long. A client that has really gone does not see the answer.
            if not answer.begun:
                await self._too_long(scope, receive, answer.send)
        except Exception:
            if answer.begun:
                raise  # the answer has already begun
            _log.exception("A defect at %s %s (request %s).", scope["method"], _route(scope), number)
            await self._broken(scope, receive, answer.send)

    def _most(self, scope: Scope, headers: dict[str, str]) -> int:
        """How long a request may be. Whoever sends files says how long they are."""
        return MAX_FILES_BODY if "content-length" in headers and self._takes_files(scope["path"]) else MAX_BODY

    def _is_cross_site(self, headers: dict[str, str]) -> bool:
        """Fetch metadata and Origin, which every browser sends with a form (OWASP: CSRF prevention). A request with an
        `Authorization` header is exempt: another site cannot make a browser add it."""
        if "authorization" in headers:
            return False
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            return True
        if origin is not None:
            host = origin.partition("://")[2]  # RFC 6454, 6.2: the origin ends after the host; `null` has none
            return not host or host not in (headers.get("host"), self._host)
        return site is None and "session=" in headers.get("cookie", "")


class _SecuredResponse:
    """Adds the security headers and the request id to an answer."""

    def __init__(self, send: Send, scope: Scope, secure: bool) -> None:
        self._send = send
        self._scope = scope
        self._secure = secure
        self.begun = False

    async def send(self, message: Received) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = [
                *message["headers"],
                *(one for one in _SECURITY_HEADERS if one[0] not in dict(message["headers"])),
                (b"x-request-id", request_number(self._scope).encode()),
            ]
            if self._scope["method"] not in SAFE:
                _log_change(self._scope, message["status"])
            if self._secure:
                message["headers"].append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
            if not self._scope["path"].startswith("/static/") and not any(
                name == b"cache-control" for name, _ in message["headers"]
            ):
                # A proxy must not serve one person's answer to another.
                message["headers"].append((b"cache-control", b"private, no-cache"))
        await self._send(message)


def request_number(scope: Scope) -> str:
    """The request id, as in the answer's `X-Request-ID` and in the log."""
    return str(scope["state"][_NUMBER])


def _route(scope: Scope) -> str:
    """The route, not the path: the paths of mailed links contain secrets."""
    return str(getattr(scope.get("route"), "path", "no route of ours"))


def _log_change(scope: Scope, status: int) -> None:
    """Log a request that may have changed something."""
    ids = {name: value for name, value in scope.get("path_params", {}).items() if name in _NAMED}
    _log.debug("%s %s: %d", scope["method"], _route(scope), status, extra={"request": request_number(scope), **ids})


class _ETagged:
    """Adds an ETag (RFC 9110, 8.8.3) to an answer without one, and answers 304 if the client already has it."""

    def __init__(self, send: Send, known: str | None) -> None:
        self._send = send
        self._known = {tag.strip().removeprefix("W/") for tag in known.split(",")} if known else set()
        self._start: Received | None = None
        self._body = b""

    async def send(self, message: Received) -> None:
        if message["type"] == "http.response.start":
            if message["status"] != 200:
                self._known = set()
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        start, headers = self._start, list(self._start["headers"])
        tag = next((value.decode() for name, value in headers if name == b"etag"), None)
        if tag is None and start["status"] == 200:
            tag = f'"{hashlib.sha256(self._body).hexdigest()[:27]}"'
            headers.append((b"etag", tag.encode()))
        if tag is not None and self._known & {tag, "*"}:
            kept = [(name, value) for name, value in headers if name not in (b"content-length", b"content-type")]
            await self._send({**start, "status": 304, "headers": kept})
            await self._send({**message, "body": b""})
            return
        await self._send({**start, "headers": headers})
        await self._send({**message, "body": self._body})


def _bounded(receive: Receive, most: int) -> Receive:
    """Cuts a body without a stated length off at the limit; the route then finds it unreadable."""
    read = 0

    async def bounded() -> Received:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            return {"type": "http.disconnect"}
        return message

    return bounded
