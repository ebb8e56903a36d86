"""What every request and answer passes: forms of other sites are refused, guards are added, unchanged answers are not sent again."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Received = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Received]]
Send = Callable[[Received], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_GUARDS = (
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
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_BODY = 1_000_000


class Edge:
    """ASGI middleware. `host`: the platform's own, beside the one in the request. `refuse` answers a request that came from another
    site."""

    def __init__(self, app: App, url: str, refuse: App, too_long: App, unreadable: App) -> None:
        self._app = app
        self._host = urlsplit(url).netloc
        self._secure = url.startswith("https://")
        self._refuse = refuse
        self._too_long = too_long
        self._unreadable = unreadable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        app = self._app
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            app = self._unreadable  # no name of ours has it, and databases choke on it
        elif scope["method"] not in _SAFE:
            if self._foreign(headers):
                app = self._refuse
            elif (
                not headers.get("content-length", "0").isdigit() or int(headers.get("content-length", "0")) > _MAX_BODY
            ):
                app = self._too_long
        given = headers.get("x-request-id", "")
        number = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        tagged = scope["method"] == "GET" and scope["path"].startswith("/api/")
        answer = _Tagging(send, headers.get("if-none-match")) if tagged else None
        await app(scope, _bounded(receive), self._guarded(answer.send if answer else send, scope, number))

    def _foreign(self, headers: dict[str, str]) -> bool:
        """Fetch metadata and Origin, which every browser sends with a form (OWASP: CSRF prevention). A request with a token of its own
        needs no such guard: no other site can make a browser add that."""
        if "authorization" in headers:
            return False
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            return True
        if origin is not None:
            return urlsplit(origin).netloc not in (headers.get("host"), self._host)
        return site is None and "session=" in headers.get("cookie", "")

    def _guarded(self, send: Send, scope: Scope, number: str) -> Send:
        path = scope["path"]

        async def guarded(message: Received) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_GUARDS, (b"x-request-id", number.encode())]
                if scope["method"] not in _SAFE:
                    _say(scope, message["status"], number)
                if self._secure:
                    message["headers"].append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
                if not path.startswith("/static/") and not any(
                    name == b"cache-control" for name, _ in message["headers"]
                ):
                    # What one person sees must not be kept by a proxy for another.
                    message["headers"].append((b"cache-control", b"private, no-cache"))
            await send(message)

        return guarded


def _say(scope: Scope, status: int, number: str) -> None:
    """What changed something. The route, not the path: paths of e-mailed links are secrets."""
    route = getattr(scope.get("route"), "path", "no route of ours")
    ids = {name: value for name, value in scope.get("path_params", {}).items() if name in _NAMED}
    _log.debug("%s %s: %d", scope["method"], route, status, extra={"request": number, **ids})


class _Tagging:
    """Gives an answer an ETag (RFC 9110, 8.8.3), unless it has one, and says 304 where the asker has it already."""

    def __init__(self, send: Send, known: str | None) -> None:
        self._send = send
        self._known = {one.strip().removeprefix("W/") for one in known.split(",")} if known else set()
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


def _bounded(receive: Receive) -> Receive:
    """A body without a length is cut off at the bound; the route then finds it unreadable."""
    read = 0

    async def bounded() -> Received:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > _MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return bounded
