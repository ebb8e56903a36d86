"""The simulated factory has the activities of a real one, and the same seed gives the same factory."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.factory_plan import FactoryPlan, Spell
from simulators.limburg import GENK
from telemetry import MachineState, OperationMode

MACHINES = GENK.machines
BRUSSELS = ZoneInfo("Europe/Brussels")
START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 4, 13, tzinfo=UTC)
NAMES = [one.machine for one in MACHINES]


def spells_of(machine: str, seed: int = 1) -> list[Spell]:
    return list(FactoryPlan(MACHINES, seed).spells(machine, START, END))


def hours(spells: list[Spell], state: MachineState) -> float:
    return sum((one.end - one.start) / timedelta(hours=1) for one in spells if one.state is state)


@pytest.mark.parametrize("machine", NAMES)
def test_spells_have_no_gap_and_no_overlap_also_when_the_clocks_change(machine: str) -> None:
    spells = spells_of(machine)
    assert spells[0].start <= START
    assert spells[-1].end >= END
    for before, after in pairwise(spells):
        assert before.end == after.start
        assert before.start < before.end


@given(st.integers(0, 1000), st.sampled_from(NAMES), st.integers(0, 6 * 7 * 24 * 60))
def test_the_spell_at_a_moment_is_in_the_plan(seed: int, machine: str, minute: int) -> None:
    plan = FactoryPlan(MACHINES, seed)
    moment = START + timedelta(minutes=minute)
    spell = plan.spell_at(machine, moment)
    assert spell.start <= moment < spell.end
    assert spell in list(plan.spells(machine, moment, moment + timedelta(seconds=1)))
    assert FactoryPlan(MACHINES, seed).spell_at(machine, moment) == spell


def test_another_seed_is_another_factory() -> None:
    assert spells_of("draaibank-1", 1) != spells_of("draaibank-1", 2)


def test_a_plan_has_every_kind_of_activity() -> None:
    everything = [spell for machine in NAMES for spell in spells_of(machine)]
    kinds = Counter((one.state, one.mode) for one in everything)
    for state in (MachineState.EXECUTING, MachineState.OUT_OF_SERVICE, MachineState.NOT_AVAILABLE):
        assert any(kind[0] is state for kind in kinds), state
    assert kinds[MachineState.NOT_EXECUTING, OperationMode.SETUP] > 100
    gaps = [
        one.end - one.start
        for one in everything
        if (one.state, one.mode) == (MachineState.NOT_EXECUTING, OperationMode.PROCESSING)
    ]
    assert sum(gap < timedelta(minutes=5) for gap in gaps) > 1000  # between two parts


@pytest.mark.parametrize("machine", ["draaibank-1", "kantpers-1", "lasrobot-1"])
def test_weekends_and_public_holidays_are_free(machine: str) -> None:
    easter_monday = datetime(2026, 4, 6, tzinfo=BRUSSELS).date()
    for spell in spells_of(machine):
        if spell.state is MachineState.EXECUTING:
            local = spell.start.astimezone(BRUSSELS)
            assert local.weekday() < 5
            assert local.date() != easter_monday


def test_no_part_is_started_during_lunch() -> None:
    for spell in spells_of("kantpers-1"):
        if spell.state is MachineState.EXECUTING:
            assert not time(12, 0) <= spell.start.astimezone(BRUSSELS).time() < time(12, 30)


def test_one_machine_is_hardly_used() -> None:
    used = {machine: hours(spells_of(machine), MachineState.EXECUTING) for machine in NAMES}
    total = (END - START) / timedelta(hours=1)
    assert used["oude-kotterbank"] < 0.02 * total
    assert used["laser-1"] > 0.2 * total
