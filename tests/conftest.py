"""Fixtures that several rooms use."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import expect

from tests import chromium, servers
from tests.postgres import drop_database, fresh_database, postgresql
from tests.servers import Mosquitto

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["tests.suite", "tests.sign_in.openid_provider"]

EXAMPLES = int(os.environ.get("VRIJLOOP_EXAMPLES", "30"))
"""Of each law that does not say how many it needs; `make campaign` tries more."""
settings.register_profile(
    "vrijloop", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vrijloop")
expect.set_options(timeout=30_000)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own, so that it may be stopped."""
    folder = tmp_path / "broker"
    folder.mkdir()
    mosquitto = Mosquitto(folder)
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which somebody else listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


@pytest.fixture(scope="session")
def influx_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.influxdb(tmp_path_factory.mktemp("influxdb")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """One server for all; each test gets a database of its own."""
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/platform.sqlite"
        return
    url = fresh_database(request.getfixturevalue("postgres"))
    yield url
    drop_database(url)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """The same for tests that follow one another; what a test has opened in it is closed."""
    opened = chromium.opened()
    yield opened
    for context in opened.contexts:
        context.close()
