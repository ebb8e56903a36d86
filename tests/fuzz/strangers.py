"""What strangers send to the platform, and what others answer who are asked: files, words, pages' queries, identity providers, stores, the platform."""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes

import httpx2
from starlette.datastructures import QueryParams

from analytics.publishing.platform_client import HttpSharingPlatform, PlatformUnavailableError
from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.attachments.contents import check_file
from sharing_platform.errors import InvalidError
from sharing_platform.geography import place_named
from sharing_platform.pictures.contents import picture_sizes
from sharing_platform.search.form import wish_of_form
from sharing_platform.search.phrases import understand
from sharing_platform.search.text import phrase_stems, query_stems, text_stems
from sign_in.openid import Exchange, OpenIdClient, OpenIdError, ProviderAwayError
from sign_in.settings import ProviderSettings
from stores.influxdb_answers import Place
from stores.influxdb_reader import COMPLETE
from stores.influxdb_rows import Columns, newest_per_machine
from stores.state_store import StoreRefusedError, StoreShutError, StoreUnavailableError
from tests.fuzz.target import Parts, target

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)


@target(InvalidError, most_s=5, most_mb=300)
def picture(data: bytes) -> None:
    """A picture that is uploaded; three sizes are made of it. Raises InvalidError."""
    picture_sizes(data)


@target(InvalidError, most_s=5, most_mb=300)
def attachment(data: bytes) -> None:
    """A file that goes with a message, after its name. Raises InvalidError."""
    parts = Parts(data)
    check_file(parts.text(), parts.rest())


@target()
def search_words(data: bytes) -> None:
    """The words and fields of a search, as a query string. Raises nothing."""
    text = data[:8000].decode("utf-8", "replace")
    fields = dict(parse_qsl(text, keep_blank_values=True, errors="replace"))
    words = fields.get("q", text)
    understood = understand(words, date(2026, 3, 2), lambda name: place_named(name) is not None)
    wish_of_form(QueryParams({**fields, **understood.fields, "q": understood.words}))
    query_stems(words)
    phrase_stems(words)
    text_stems(words)


class _Sent:
    """What a page answers, without a server."""

    def __init__(self, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.status = 0
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query,
            "headers": [(b"host", b"x"), (b"accept", b"text/html"), *headers],
            "client": ("127.0.0.1", 1), "server": ("x", 80), "state": {},
        }  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)


_PAGES = (
    "/", "/parts/machines", "/parts/offers", "/search", "/compare", "/listings", "/wanted", "/make", "/parts/calendar", "/report", "/register",
    "/sign-in", "/forgotten", "/offers/o1", "/machines/hal-2/mill-1", "/api/v1/offers", "/api/v1/machines", "/about", "/transparency",
)  # fmt: skip


_IN_QUERIES = "".join(map(chr, range(0x21, 0x7F)))
"""What uvicorn lets through to a program, unpacked."""
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Meanwhile a package logs nothing. Afterwards it does again, as tests of what is logged run in the same process."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@cache
def _platform() -> tuple[Any, asyncio.AbstractEventLoop]:
    file = Path(tempfile.mkdtemp(prefix="vrijloop-fuzz-")) / "platform.sqlite"
    return create_app(PlatformSettings(f"sqlite:///{file}", {"hal-2": "token"}), lambda: NOON), asyncio.new_event_loop()


@target()
def page_query(data: bytes) -> None:
    """The query string and two headers of a public page, which the first byte chooses. Raises nothing, and no page is a defect."""
    parts = Parts(data)
    path = parts.pick(_PAGES)
    headers = [(name, _CONTROL.sub(b"", parts.short())) for name in (b"accept-language", b"cookie")]
    app, loop = _platform()
    sent = _Sent(path, quote_from_bytes(parts.rest(), _IN_QUERIES).encode(), headers)
    with _quiet("sharing_platform"):
        loop.run_until_complete(app(sent.scope, sent.receive, sent.send))
    assert 200 <= sent.status < 500, f"{path} is answered {sent.status}"


_PROVIDER = ProviderSettings.model_validate(
    {"label": "Example", "issuer": "https://login.example", "client_id": "vrijloop", "client_secret_file": "secret"}
)


class _Answers(httpx2.BaseTransport):
    """Answers one request after the other with what the input says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        length = self._parts.number(4000)
        return httpx2.Response(
            200, headers={"content-type": "application/json"}, content=self._parts.take(length), request=request
        )


@target(OpenIdError, ProviderAwayError)
def provider_answers(data: bytes) -> None:
    """What an identity provider answers: metadata, token, keys. Raises OpenIdError or ProviderAwayError."""
    with _quiet("sign_in"), OpenIdClient("x", _PROVIDER, "secret", "https://here.example/back", lambda: NOON) as client:
        client._client._transport = _Answers(Parts(data))
        client.look()
        client.claims(Exchange.of("secret"), "code")


@cache
def _sharing_platform() -> HttpSharingPlatform:
    return HttpSharingPlatform("https://platform.example", "token")


@target(PlatformUnavailableError)
def platform_answers(data: bytes) -> None:
    """What a sharing platform answers to a factory. Raises PlatformUnavailableError."""
    platform = _sharing_platform()
    platform._http._transport = _Answers(Parts(data))
    platform.offers("hal-2")
    platform.bookings("hal-2")


@target(StoreUnavailableError, StoreRefusedError, StoreShutError)
def influxdb_answer(data: bytes) -> None:
    """What InfluxDB answers to a query; its rows have the columns that were asked for. Raises StoreUnavailableError, StoreRefusedError or StoreShutError."""
    place = Place("http://influxdb:8086", "hal-2", "states")
    newest_per_machine(place.states(data))
    columns = Columns(COMPLETE)
    for _, rows in place.streamed([data[: len(data) // 2], data[len(data) // 2 :]], 1, packed=data[:1] >= b"\x80"):
        columns.add("lathe-1", rows)
    columns.records("hal-2")
    raise place.error(400 + len(data) % 200, data.decode("utf-8", "replace"))
