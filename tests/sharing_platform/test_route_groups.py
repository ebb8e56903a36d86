"""Routes in groups are found as they are without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from sharing_platform.app import ROUTERS
from sharing_platform.openapi import routes_of
from sharing_platform.route_groups import RouteGroup, grouped

ROUTES = (
    ("POST", "/things/{name}"), ("GET", "/things/new"), ("GET", "/things/{name}"), ("GET", "/"), ("GET", "/thing.{kind}"), ("DELETE", "/things/{name}/parts/{part}"),
    ("GET", "/api/v1/things"), ("GET", "/api/v1/things/{name}"), ("PUT", "/api/v1/things/{name}"),
)  # fmt: skip


def _say(text: str) -> Callable[[], str]:
    return lambda: text


@pytest.fixture(scope="module")
def apps() -> tuple[TestClient, TestClient]:
    """(in groups, one after the other)."""
    router = APIRouter()
    for method, path in ROUTES:
        router.add_api_route(path, _say(f"{method} {path}"), methods=[method])
    return TestClient(FastAPI(routes=grouped(routes_of([router])))), TestClient(FastAPI(routes=router.routes))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/", "/things/new", "/things/other", "/things/", "/things", "/thing.csv", "/thing", "/things/a/parts/b", "/api/v1/things", "/api/v1/things/a", "/api/v1/things/a/",
        "/api/v1", "/api/v1/thingsandmore", "/thingsandmore/a", "/nothing", "//things/a",
    ],
)  # fmt: skip
def test_every_request_is_answered_by_the_same_route(
    apps: tuple[TestClient, TestClient], method: str, path: str
) -> None:
    in_groups, in_order = (one.request(method, path, follow_redirects=False) for one in apps)
    assert (in_groups.status_code, in_groups.text, in_groups.headers.get("location")) == (
        in_order.status_code, in_order.text, in_order.headers.get("location"),
    )  # fmt: skip


def test_hardly_any_path_is_compared_with_many_routes() -> None:
    sizes = [len(group.routes) for group in grouped(routes_of(ROUTERS)) if isinstance(group, RouteGroup)]
    assert sum(sizes) == len(routes_of(ROUTERS)) > 300
    assert max(sizes) < 40
