"""`make test-containers` runs these; `make test` does not even collect them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import engine, images
from tests.containers.engine import Docker
from tests.containers.installation import Installation
from tests.servers import ROOT

if not os.environ.get("VRIJLOOP_TEST_CONTAINERS"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def client() -> Iterator[Docker]:
    with engine.docker() as found:
        found.run("compose", "version")
        yield found


@pytest.fixture(scope="session")
def own_images(client: Docker) -> None:
    images.get_foreign_images(client)
    client.build(ROOT, "vrijloop-agent", "--target", "agent")
    client.build(ROOT, "vrijloop:now", "--target", "server")


@pytest.fixture(scope="session")
def installation(client: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(client, tmp_path_factory.mktemp("compose"))
    yield made
    if made.deployed.exists():
        made.down("--volumes", "--remove-orphans")


@pytest.fixture(scope="session")
def before(client: Docker, own_images: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the version before; its image is `vrijloop:before`."""
    folder = images.source_of(images.version_before(), tmp_path_factory.mktemp("before") / "source")
    images.get_foreign_images(client, folder)
    client.build(folder, "vrijloop:before", "--target", "server")
    return folder
