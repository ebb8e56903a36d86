"""A region in miniature under seeded faults. Three short schedules are in the suite; `make campaign-faults` plays a thousand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.schedule import Setup, schedule
from tests.faults.stage import Stage, can_mount, told
from tests.servers import require

pytestmark = [pytest.mark.long, pytest.mark.servers]
SEEDS = [int(seed) for seed in os.environ.get("VRIJLOOP_FAULT_SEEDS", "166 167 172").split()]
"""Between them they have every kind of fault."""
_LENGTH_S, _LONGEST_S = 2.5, 2.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all seeds, as starting it takes longer than a schedule."""
    require("mosquitto")
    disks = can_mount(Path(tmp_path_factory.mktemp("disk")))
    stage = Stage.opened(Setup("duckdb", "sqlite", "5", disks), SEEDS[0])
    yield stage
    stage.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_machines_did_is_stored_and_nothing_is_booked_twice(stage: Stage, seed: int) -> None:
    line = stage.play(seed, schedule(seed, stage.region.setup, _LENGTH_S, _LONGEST_S))
    assert line["held"], told(line)
