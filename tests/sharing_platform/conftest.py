"""A platform of the test's own, on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sharing_platform.app import PlatformSettings, create_app
from tests.postgres import fresh_database, postgresql
from tests.servers import serving

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # noon in Brussels, a Monday


@dataclass
class Platform:
    """Its address, and what its factories and visitors do."""

    url: str
    present: list[datetime] = field(default_factory=lambda: [NOON])

    def __post_init__(self) -> None:
        self.anyone = httpx2.Client(base_url=self.url)
        self.hal_2 = httpx2.Client(base_url=self.url, headers={"Authorization": "Bearer token-of-hal-2"})
        self.hal_3 = httpx2.Client(base_url=self.url, headers={"Authorization": "Bearer token-of-hal-3"})

    def offer(self, name: str = "o1", start_h: float = 3, hours: float = 4, **more: Any) -> dict[str, Any]:
        start = NOON + timedelta(hours=start_h)
        body = {
            "factory": "hal-2", "machine": "mill-1", "start": start.isoformat(),
            "end": (start + timedelta(hours=hours)).isoformat(), "probability": 0.937, "checked": 40, "broken": 2,
        }  # fmt: skip
        answer = self.hal_2.put(f"/api/v1/offers/{name}", json=body | more)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def machine(self, name: str = "mill-1", title: str = "Freesbank DMU 50", **more: Any) -> None:
        answer = self.hal_2.put(f"/api/v1/machines/hal-2/{name}", json={"title": title, **more})
        assert answer.status_code == 204, answer.text


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all; each test gets a database of its own."""
    with postgresql(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/platform.sqlite"
    return fresh_database(request.getfixturevalue("postgres"))


@pytest.fixture
def platform(database_url: str) -> Iterator[Platform]:
    present = [NOON]
    tokens = {"hal-2": "token-of-hal-2", "hal-3": "token-of-hal-3"}
    app = create_app(PlatformSettings(database_url, tokens), lambda: present[0])
    with serving(app) as url:
        built = Platform(url, present)
        yield built
        for client in (built.anyone, built.hal_2, built.hal_3):
            client.close()
