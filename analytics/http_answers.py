"""Asks servers that need not mean well: what they answer is read as long as it is short, comes soon, and is packed no more than once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

ACCEPTED = {"Accept-Encoding": "gzip"}
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
