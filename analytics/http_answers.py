"""Asks servers that need not mean well: what they answer is read as long as it is short, comes soon, and is packed no more than once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

ACCEPTED = {"Accept-Encoding": "gzip"}
_OF_ITS_FORM = ("content-encoding", "content-length", "transfer-encoding")
"""What a header says of how an answer comes, which is no longer true of one that was read."""
_PACKED = ("", "identity", "gzip")
"""A chunk that comes from the network grows at most a thousandfold; packed twice, it would a millionfold."""


class AnswerTooLargeError(Exception):
    """The answer has more than so many bytes."""


@contextmanager
def asked(
    client: httpx2.Client, method: str, url: str, whole_s: float, headers: dict[str, str] | None = None, **request: Any
) -> Iterator[httpx2.Response]:
    """The answer, whose body has not been read. After `whole_s` seconds the client is closed, however slowly the answer comes, and whatever is read raises
    an HTTPError."""
    late = threading.Timer(whole_s, client.close)
    late.daemon = True
    late.start()
    try:
        with client.stream(method, url, headers=ACCEPTED | (headers or {}), **request) as answer:
            yield answer
    except (RuntimeError, OSError) as error:  # what a client says that was closed meanwhile
        raise httpx2.ReadTimeout(f"the answer takes more than {whole_s:g} s") from error
    finally:
        late.cancel()


def get_answer(
    url: str, timeout_s: float, whole_s: float, most: int, headers: dict[str, str] | None = None
) -> httpx2.Response:
    """The whole answer to GET. Raises HTTPError, also for one that takes too long or has more than `most` bytes."""
    with httpx2.Client(timeout=timeout_s) as client, asked(client, "GET", url, whole_s, headers) as answer:
        try:
            content = read_answer(answer, most)
        except AnswerTooLargeError:
            raise httpx2.ReadError(f"the answer has more than {most:,} bytes", request=answer.request) from None
        kept = [(name, value) for name, value in answer.headers.items() if name not in _OF_ITS_FORM]
        return httpx2.Response(answer.status_code, headers=kept, content=content, request=answer.request)


def read_answer(answer: httpx2.Response, most: int) -> bytes:
    """The body. Raises AnswerTooLargeError and HTTPError."""
    if answer.headers.get("content-encoding", "").strip().lower() not in _PACKED:
        raise httpx2.DecodingError("the answer is packed in a way that nobody asked for", request=answer.request)
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > most:
            raise AnswerTooLargeError
    return bytes(content)
