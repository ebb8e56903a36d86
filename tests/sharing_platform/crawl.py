"""Reads everything that a client can reach: every GET route of the API with every id it has been told, and every link on every page."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

WRITTEN = Path(__file__).resolve().parents[2] / "docs" / "schema" / "platform.openapi.json"
"""Held to what the platform serves by test_openapi.py."""

_LINKS = ("href", "src", "hx-get", "data-live")
_ENDLESS = ("/live", "/static/")
_STARTS = ("/", "/listings", "/wanted", "/desk", "/organisation", "/account", "/register")
_QUERIES = {
    "/api/v1/offers": (
        "sort=fit",
        "near=Hasselt",
        "near=Hasselt&within_km=50&sort=fit",
        "q=frezen",
        "hours=2",
        "limit=1",
    ),
    "/": ("view=week", "near=Genk&sort=fit", "q=frezen", "hours=2", "lang=fr", "lang=en"),
    "/api/v1/bookings": ("side=seeker&state=requested&state=held&state=accepted&state=declined&state=expired",),
}
_ROUNDS = 3
_QUERIES_OF_A_PAGE = 8
"""Of one page's links to itself: weeks go on for years."""
_IDS = frozenset({
    "id", "offer_id", "listing_id", "booking", "request", "machine", "factory", "organisation", "search", "subject", "matches",
})  # fmt: skip
"""Names under which the API tells ids."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in _LINKS if given.get(name)]


def crawl(client: httpx2.Client) -> dict[str, str]:
    """What each address answers: status, headers and text."""
    routes = _routes()
    seen: dict[str, str] = {}
    told: dict[str, set[str]] = {}
    waiting = [*_STARTS, *routes, *(f"{path}?{query}" for path, queries in _QUERIES.items() for query in queries)]
    for _ in range(_ROUNDS):
        while waiting:
            path = waiting.pop()
            if path in seen or "{" in path or path.startswith(_ENDLESS):
                continue
            if (
                "?" in path
                and sum(known.startswith(path.partition("?")[0] + "?") for known in seen) >= _QUERIES_OF_A_PAGE
            ):
                continue
            accept = {} if path.startswith("/api/") else {"Accept": "text/html"}
            answer = client.get(path, headers=accept)
            seen[path] = f"{answer.status_code}\n{answer.headers}\n{answer.text}"
            if "json" in answer.headers.get("content-type", ""):
                for key, value in _strings(answer.json()):
                    told.setdefault(key, set()).add(value)
            else:
                waiting += _links_of(answer, path)
                for element in re.findall(r"application/ld\+json\">(.*?)</script>", answer.text):
                    waiting += [
                        urlsplit(value).path for _, value in _strings(json.loads(element)) if "/offers/" in value
                    ]
        waiting = [path for route in routes for path in _filled(route, told)]
    return seen


@cache
def _routes() -> list[str]:
    description = json.loads(WRITTEN.read_text())
    return [path for path, operations in description["paths"].items() if "get" in operations]


def _links_of(answer: httpx2.Response, path: str) -> list[str]:
    parser = _Links()
    parser.feed(answer.text)
    if "location" in answer.headers:
        parser.found.append(answer.headers["location"])
    found = []
    for link in parser.found:
        parts = urlsplit(urljoin(path, link))
        if not parts.netloc or parts.netloc == answer.url.netloc.decode():
            query = "&".join(part for part in parts.query.split("&") if part and not part.startswith("lang="))
            found.append(parts.path + (f"?{query}" if query else ""))
    return found


def _filled(route: str, told: dict[str, set[str]]) -> Iterator[str]:
    """The route with everything that its parameters can be, as far as the client has been told."""
    names = re.findall(r"\{(\w+)\}", route)
    everything = {value for key in _IDS for value in told.get(key, ()) if re.fullmatch(r"[\w-]{1,64}", value)}
    choices = [
        told.get(name, set()) | told.get("organisation", set()) if len(names) > 1 else everything for name in names
    ]
    for values in itertools.product(*choices):
        yield route.format(**dict(zip(names, values, strict=True)))


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str):
        yield key, value.removeprefix("offer:").removeprefix("listing:")
