"""A region in miniature under seeded faults. Ten short schedules are in the suite; `make campaign-faults` plays a thousand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forked
from tests.faults.schedule import Fault, Setup, schedule
from tests.faults.stage import Stage, can_mount, told
from tests.servers import require

pytestmark = [pytest.mark.long, pytest.mark.servers, forked.ONE_PROCESS]
SEEDS = [int(seed) for seed in os.environ.get("VRIJLOOP_FAULT_SEEDS", "18 52 114 182 305 311 327 331 341 394").split()]
"""Between them they have every kind of fault, and each process and connection. Few of them end a process that takes seconds of the processor to start again."""
_LENGTH_S, _LONGEST_S = 1.5, 1.5


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
    line = stage.play(seed, schedule(seed, stage.region.setup, _LENGTH_S, _LONGEST_S), _LENGTH_S)
    assert line["held"], told(line)


def test_the_seeds_have_every_kind_of_fault_and_every_target() -> None:
    setup = Setup("duckdb", "sqlite", "5")
    events = [event for seed in SEEDS for event in schedule(seed, setup, _LENGTH_S, _LONGEST_S)]
    assert {event.fault for event in events} == {fault for fault in Fault if setup.targets(fault)}
    assert {event.target for event in events} == {*setup.processes, *setup.links}
