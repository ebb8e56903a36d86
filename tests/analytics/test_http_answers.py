"""Servers that do not mean well: answers without end, packed twice, or other than what was asked for."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from analytics.http_answers import AnswerTooLargeError, asked, get_answer, read_answer
from analytics.publishing import webhooks
from analytics.publishing.platform_client import HttpSharingPlatform, PlatformUnavailableError
from analytics.publishing.webhooks import post_signed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(bytes(30_000_000))


@contextmanager
def answering(*parts: bytes, again: bytes = b"") -> Iterator[str]:
    """Answers one request with these parts, and then with `again` every hundredth of a second, without end."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        taken, _ = listening.accept()
        with taken:
            taken.recv(65_536)
            try:
                taken.sendall(b"".join(parts))
                while again:
                    taken.sendall(again)
                    time.sleep(0.01)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    thread.join(10)


def read(url: str) -> bytes:
    with httpx2.Client(timeout=5) as client, asked(client, "GET", url, 0.3) as answer:
        return read_answer(answer, 1_000_000)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("parts", "again", "error"),
    [
        ((HEAD, b"\r\n"), b"x", httpx2.HTTPError),
        ((b"HTTP/1.1 200 OK\r\nX: ",), b"x", httpx2.HTTPError),
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", BOMB), b"", AnswerTooLargeError),
        ((HEAD, b"Content-Encoding: gzip, gzip\r\n\r\n", gzip.compress(BOMB)), b"", httpx2.DecodingError),
        ((HEAD, b"Content-Encoding: br\r\n\r\n", b"x"), b"", httpx2.DecodingError),
    ],
    ids=["body_without_end", "headers_without_end", "bomb", "bomb_in_a_bomb", "packed_otherwise"],
)
def test_an_answer_is_read_while_it_is_short(parts: tuple[bytes, ...], again: bytes, error: type[Exception]) -> None:
    began = time.monotonic()
    with answering(*parts, again=again) as url, pytest.raises(error):
        read(url)
    assert time.monotonic() - began < 3


@pytest.mark.servers
def test_a_good_answer_is_read() -> None:
    packed = gzip.compress(b"good")
    good = (HEAD, f"Content-Length: {len(packed)}\r\n".encode(), b"Content-Encoding: gzip\r\n\r\n", packed)
    with answering(*good) as url:
        assert read(url) == b"good"
    with answering(*good) as url:
        answer = get_answer(url, 5, 5, 1_000)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "application/json", "good")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("parts", "again", "said"),
    [
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", BOMB), b"", r"more than 1,000,000 bytes"),
        ((HEAD, b"\r\n"), b"x", ""),
    ],
    ids=["bomb", "body_without_end"],
)
def test_a_whole_answer_has_an_end(parts: tuple[bytes, ...], again: bytes, said: str) -> None:
    with answering(*parts, again=again) as url, pytest.raises(httpx2.HTTPError, match=said):
        get_answer(url, 5, 0.3, 1_000_000)


@pytest.mark.servers
@pytest.mark.parametrize(("head", "said"), [(HEAD + b"\r\n", None), (b"HTTP/1.1 200 OK\r\nX: ", "ReadError")])
def test_a_receiver_that_answers_without_end_holds_up_nobody(
    head: bytes, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All e-mails and messages of the platform wait for one another."""
    monkeypatch.setattr(webhooks, "_WHOLE_S", 0.3)
    began = time.monotonic()
    with answering(head, again=b"x") as url:
        assert post_signed(url, "secret", "1", "kind", {}, datetime.now(UTC)) == said
    assert time.monotonic() - began < 3


OFFER = {
    "id": "o1", "machine": "m1", "start": "2026-03-02T11:00:00Z", "end": "2026-03-02T15:00:00Z", "probability": 0.9, "checked": 4,
    "broken": 0, "windows": [], "colour": "of a later version",
}  # fmt: skip


def _wrong(**values: Any) -> bytes:
    return json.dumps({"offers": [OFFER | values], "next": None}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Please log in</html>", b"", b"[]", b"{}", b'{"offers": {}}', b"[" * 5000, b"\xff", _wrong(start=None), _wrong(start="2026-03-02T11:00:00"),
        _wrong(start="yesterday"), _wrong(end="2026-03-02T11:00:00Z"), _wrong(end="9999-12-31T23:59:59Z"), _wrong(probability="sure"),
        _wrong(probability=1e999), _wrong(checked=-1), _wrong(machine=7), _wrong(windows=[{}]),
    ],
)  # fmt: skip
def test_what_a_platform_answers_is_what_was_asked_for_or_no_answer(content: bytes) -> None:
    with pytest.raises(PlatformUnavailableError, match=r"https://platform\.example: .* cannot be read"):
        _platform(lambda _: content).offers("hal-2")


def test_more_than_was_asked_for_is_passed_over() -> None:
    (offer,) = _platform(lambda _: _wrong()).offers("hal-2")
    assert (offer.id, offer.slot.machine, offer.slot.probability) == ("o1", "m1", 0.9)


def test_pages_without_end_are_no_answer() -> None:
    asked_for: list[str] = []

    def page(request: httpx2.Request) -> bytes:
        asked_for.append(str(request.url))
        return b'{"offers": [], "next": "again"}'

    with pytest.raises(PlatformUnavailableError, match="has no end"):
        _platform(page).offers("hal-2")
    assert len(asked_for) == 500


def test_what_has_moved_was_not_done() -> None:
    with pytest.raises(PlatformUnavailableError, match="was answered 301"):
        _platform(lambda _: b"", status=301).withdraw("o1")


def _platform(answer: Callable[[httpx2.Request], bytes], status: int = 200) -> HttpSharingPlatform:
    platform = HttpSharingPlatform("https://platform.example", "token")
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=answer(request)))
    platform._http = httpx2.Client(base_url="https://platform.example", transport=transport)
    return platform
