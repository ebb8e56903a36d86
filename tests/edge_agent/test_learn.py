"""Finds the levels of a meter's power, or reports that they cannot be told apart."""

from __future__ import annotations

import asyncio
import csv
import json
import math
import random
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_agent.commands import app
from edge_agent.power_levels import propose
from edge_agent.power_state import PowerThresholds, state_from_power
from simulators.modbus_server import MeterServer, sdm630
from telemetry import MachineState
from tests.servers import free_port, shared_file

STATES = {0: MachineState.NOT_AVAILABLE, 1: MachineState.NOT_EXECUTING, 2: MachineState.EXECUTING}


def watched(
    levels: list[float], noise: float, drift: float = 0.0, start_up: bool = False, seed: int = 1, count: int = 4000
) -> tuple[list[float], list[int]]:
    """A synthetic meter's readings, and the level of each."""
    chance = random.Random(seed)
    power: list[float] = []
    truth: list[int] = []
    place = 0
    while len(power) < count:
        before, place = place, chance.randrange(len(levels))
        if start_up and place == len(levels) - 1 and before != place:
            power += [levels[place] * 4] * 2
            truth += [place] * 2
        for _ in range(chance.randint(20, 120)):
            power.append(max(0.0, levels[place] * (1 + drift * len(power) / count) * (1 + chance.gauss(0, noise))))
            truth.append(place)
    return power[:count], truth[:count]


def agreement(power: list[float], truth: list[MachineState], thresholds: PowerThresholds) -> float:
    previous, right = None, 0
    for watts, expected in zip(power, truth, strict=True):
        previous = state_from_power(watts, previous, thresholds)
        right += previous is expected
    return right / len(power)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"noise": 0.05}, id="steady"),
        pytest.param({"noise": 0.2}, id="noisy"),
        pytest.param({"noise": 0.05, "drift": 0.5}, id="drifting by half"),
        pytest.param({"noise": 0.05, "start_up": True}, id="with start-up currents"),
    ],
)
@pytest.mark.parametrize("levels", [[30, 900, 6500], [0, 700, 2500], [900, 6500]])
def test_levels_are_found(levels: list[float], options: dict[str, float]) -> None:
    power, truth = watched(levels, **options)  # type: ignore[arg-type]
    found = propose(power)
    assert len(found.levels) == len(levels)
    assert found.thresholds is not None, found.remarks
    states = [STATES[place + 3 - len(levels)] for place in truth]
    assert agreement(power, states, found.thresholds) > 0.995


def test_a_short_start_up_current_leads_to_a_dwell_time() -> None:
    chance = random.Random(3)
    power: list[float] = []
    for _ in range(40):  # a compressor that kicks in while the machine waits
        power += [900 * (1 + chance.gauss(0, 0.03)) for _ in range(60)] + [6000.0] * 2
        power += [900.0] * 30 + [6500 * (1 + chance.gauss(0, 0.03)) for _ in range(90)]
    assert propose(power).dwell_samples == {MachineState.EXECUTING: 3}


@pytest.mark.parametrize(
    "power",
    [
        pytest.param(watched([1000], 0.1)[0], id="one level"),
        pytest.param(watched([1000, 1300], 0.2)[0], id="too close"),
        pytest.param([1000.0] * 500, id="constant"),
        pytest.param([500 + 5 * place for place in range(1000)], id="no levels at all"),
        pytest.param([900.0, 6500.0] * 50, id="too few readings"),
        pytest.param([], id="nothing"),
    ],
)
def test_levels_that_cannot_be_separated_give_no_thresholds(power: list[float]) -> None:
    found = propose(power)
    assert found.thresholds is None
    assert found.remarks


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=200, max_size=400))
def test_no_reading_is_an_error(power: list[float]) -> None:
    found = propose(power)
    if found.thresholds is not None:
        one = found.thresholds
        assert one.off_below_w <= one.idle_below_w < one.working_from_w
        assert all(math.isfinite(value) for value in asdict(one).values())


def test_the_real_meter() -> None:
    """According to its README the base load is below 25 kW and production starts at about 60 kW."""
    with shared_file("data", "steel_2018_15min.csv").open() as file:
        power = [float(row["usage_kwh"]) * 4000 for row in csv.DictReader(file)]
    found = propose(power)
    assert found.thresholds is not None
    assert 25_000 < found.thresholds.idle_below_w < found.thresholds.working_from_w < 80_000
    assert found.thresholds.off_below_w == 0


def test_the_command_reads_a_csv_and_draws(tmp_path: Path) -> None:
    power, _ = watched([30, 900, 6500], 0.05)
    recording = tmp_path / "power.csv"
    recording.write_text("time,power_w\n" + "".join(f"{place},{one}\n" for place, one in enumerate(power)))
    picture = tmp_path / "levels.png"
    done = CliRunner().invoke(app, ["learn", "m1", "--csv", str(recording), "--png", str(picture)])
    assert done.exit_code == 0, done.output
    assert "thresholds = { off_below_w = " in done.output
    assert "█" in done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    told = CliRunner().invoke(app, ["learn", "m1", "--csv", str(recording), "--json"])
    assert json.loads(told.output)["thresholds"]["idle_below_w"] > 1000


@pytest.mark.long
def test_the_command_watches_a_machine_that_has_no_thresholds_yet(tmp_path: Path) -> None:
    port, loop, chance = free_port(), asyncio.new_event_loop(), random.Random(1)
    threading.Thread(target=loop.run_forever, daemon=True).start()
    meter = MeterServer([sdm630(1, lambda: chance.choice([900.0, 6500.0]) * chance.uniform(0.97, 1.03))], port)
    asyncio.run_coroutine_threadsafe(meter.start(), loop).result(20)
    config = tmp_path / "agent.toml"
    config.write_text(
        '[agent]\nfactory = "f"\ngateway = "g"\n[[modbus]]\nid = "m1"\nhost = "127.0.0.1"\ntemplate = "eastron-sdm630"\n'
        f'port = {port}\npoll_interval = "2ms"\n'
    )
    kept = tmp_path / "kept.csv"
    done = CliRunner().invoke(app, ["learn", "m1", "-c", str(config), "--for", "3s", "--save", str(kept)])
    assert done.exit_code == 0, done.output
    assert "thresholds = {" in done.output
    assert len(kept.read_text().splitlines()) > 200
    checked = CliRunner().invoke(app, ["check", "-c", str(config)])
    assert "vrijloop agent learn m1" in str(checked.exception)
    asyncio.run_coroutine_threadsafe(meter.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
