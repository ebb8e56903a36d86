"""Sends what goes to the platforms of neighbouring regions: to the configured address alone, with an end to how long and how much is read."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2

from analytics.http_answers import AnswerTooLargeError, asked, read_answer
from sharing_platform.federation.transport import MOST_BYTES, AwayError, HttpAnswer, HttpRequest

_TIMEOUT_S, _WHOLE_S = 5.0, 15.0


def ask_neighbour(request: HttpRequest) -> HttpAnswer:
    """Raises AwayError. A redirect is an answer like any other, and leads nowhere."""
    try:
        with (
            httpx2.Client(
                timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False, verify=_authorities(), headers={"user-agent": "vrijloop"}
            ) as client,
            asked(
                client, request.method, request.url, _WHOLE_S, dict(request.headers), content=request.body
            ) as answer,
        ):  # fmt: skip
            body = read_answer(answer, MOST_BYTES)
            return HttpAnswer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)
    except (httpx2.HTTPError, httpx2.InvalidURL, AnswerTooLargeError) as error:
        raise AwayError(type(error).__name__) from error


@cache
def _authorities() -> ssl.SSLContext:
    """Reading them takes 50 ms, and neighbours are asked every few seconds."""
    return ssl.create_default_context()
