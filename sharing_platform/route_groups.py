"""Routes in groups whose paths begin alike: several hundred patterns would be compared with the path of every request, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send


class RouteGroup(BaseRoute):
    """Looks into its routes only if the path begins as theirs do."""

    def __init__(self, start: str, routes: Sequence[APIRoute]) -> None:
        self._start = start
        self.routes = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found: tuple[Match, Scope] = Match.NONE, {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and path.startswith(self._start):
            for route in self.routes:
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    return match, child_scope
                if match is Match.PARTIAL and found[0] is Match.NONE:
                    found = match, child_scope
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)  # the one that matched


def grouped(routes: Iterable[APIRoute]) -> list[BaseRoute]:
    """In each group in the order given."""
    groups: dict[str, list[APIRoute]] = {}
    for route in routes:
        groups.setdefault(_start_of(route.path), []).append(route)
    return [RouteGroup(start, members) for start, members in groups.items()]


def _start_of(path: str) -> str:
    """Its first segment; below the API's own, the one after that. Nothing that is a parameter."""
    depth = 3 if path.startswith("/api/") else 1
    literal = path.partition("{")[0]
    return "/".join(literal.split("/")[: depth + 1])
