"""The activity of a simulated factory's machines, week by week: shifts, jobs, set-ups, breakdowns, lunch breaks, holidays.

The plan of a week is a function of (seed, machine, week) alone: the same seed gives the same factory, and a simulation that is restarted
continues with the same plan. This module uses neither sockets nor the current time.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import holidays

from telemetry import MachineState, OperationMode

WORKDAYS = (0, 1, 2, 3, 4)
LUNCH = (time(12, 0), time(12, 30))


@dataclass(frozen=True, slots=True)
class Spell:
    """The machine is in `state` and `mode` in [start, end), aware UTC."""

    state: MachineState
    mode: OperationMode
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Shift:
    """Working hours on some weekdays (Monday is 0). If `end` is midnight, the shift lasts until the end of the day.

    `load`: the share of the shift for which there is work. `on_holidays`: whether it also runs on public holidays.
    """

    weekdays: tuple[int, ...]
    start: time
    end: time
    load: float = 0.9
    on_holidays: bool = False


@dataclass(frozen=True)
class MachineCharacter:
    """How a machine is used. Fields ending in `_min` are ranges in minutes; `power_w` is (standby, base load, working) in watts."""

    machine: str
    browse_name: str
    manufacturer: str
    model: str
    title: str
    process: str
    shifts: tuple[Shift, ...]
    cycle_min: tuple[float, float] = (8.0, 20.0)
    part_gap_min: tuple[float, float] = (0.5, 2.5)
    parts_per_job: tuple[int, int] = (6, 20)
    setup_min: tuple[float, float] = (15.0, 40.0)
    breakdown_per_job: float = 0.03
    breakdown_min: tuple[float, float] = (20.0, 150.0)
    lunch: bool = True
    switched_off_at_night: bool = True
    power_w: tuple[float, float, float] = (30.0, 900.0, 6500.0)


class MachinePlan(Protocol):
    """The interface through which simulated servers read the activity of their machines."""

    def spell_at(self, machine: str, moment: datetime) -> Spell:
        """The machine's activity at this moment."""
        ...

    def spells(self, machine: str, start: datetime, end: datetime) -> Iterator[Spell]:
        """All spells that touch [start, end), in order, not cut to it."""
        ...


class FactoryPlan:
    """Plans of machines with one seed, one time zone, and the public holidays of a country."""

    def __init__(
        self, machines: Sequence[MachineCharacter], seed: int, zone: str = "Europe/Brussels", country: str = "BE"
    ) -> None:
        self.machines = tuple(machines)
        self._characters = {character.machine: character for character in machines}
        self._seed = seed
        self._zone = ZoneInfo(zone)
        self._holidays = holidays.country_holidays(country)
        self._week = lru_cache(maxsize=4096)(self._plan_week)

    def spell_at(self, machine: str, moment: datetime) -> Spell:
        """The machine's activity at this moment."""
        spells, starts = self._week(machine, self._monday_of(moment))
        return spells[bisect_right(starts, moment) - 1]

    def spells(self, machine: str, start: datetime, end: datetime) -> Iterator[Spell]:
        """All spells that touch [start, end), in order, not cut to it."""
        monday = self._monday_of(start)
        while self._midnight(monday) < end:
            for spell in self._week(machine, monday)[0]:
                if spell.end > start and spell.start < end:
                    yield spell
            monday += timedelta(days=7)

    def _monday_of(self, moment: datetime) -> date:
        local = moment.astimezone(self._zone).date()
        return local - timedelta(days=local.weekday())

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(0), self._zone).astimezone(UTC)

    def _plan_week(self, machine: str, monday: date) -> tuple[list[Spell], list[datetime]]:
        character = self._characters[machine]
        chance = random.Random(f"{self._seed}/{machine}/{monday.isoformat()}")
        spells: list[Spell] = []
        cursor = self._midnight(monday)
        for start, end, load in self._working_hours(character, monday):
            self._rest(spells, character, cursor, start)
            # A part started in an earlier shift is finished first.
            cursor = self._work(spells, character, chance, max(cursor, start), end, load)
        week_end = self._midnight(monday + timedelta(days=7))
        self._rest(spells, character, cursor, week_end)
        if spells[-1].end > week_end:
            spells[-1] = replace(spells[-1], end=week_end)
        return spells, [spell.start for spell in spells]

    def _working_hours(self, character: MachineCharacter, monday: date) -> list[tuple[datetime, datetime, float]]:
        windows = []
        for offset in range(7):
            day = monday + timedelta(days=offset)
            for shift in character.shifts:
                if offset in shift.weekdays and (shift.on_holidays or day not in self._holidays):
                    end_day = day + timedelta(days=1) if shift.end <= shift.start else day
                    end = datetime.combine(end_day, shift.end, self._zone).astimezone(UTC)
                    last = self._midnight(monday + timedelta(days=7))
                    start = datetime.combine(day, shift.start, self._zone).astimezone(UTC)
                    windows.append((start, min(end, last), shift.load))
        return sorted(windows)

    @staticmethod
    def _rest(spells: list[Spell], character: MachineCharacter, start: datetime, end: datetime) -> None:
        if start >= end:
            return
        long = end - start > timedelta(hours=2)
        off = character.switched_off_at_night and long
        state = MachineState.NOT_AVAILABLE if off else MachineState.NOT_EXECUTING
        _add(spells, state, OperationMode.NONE, start, end)

    def _work(
        self,
        spells: list[Spell],
        character: MachineCharacter,
        chance: random.Random,
        start: datetime,
        end: datetime,
        load: float,
    ) -> datetime:
        """Add jobs until the end of the shift; returns the end of the last one, since a part that was started is finished."""
        cursor = start
        while cursor < end:
            if chance.random() > load:
                pause = min(end, cursor + timedelta(minutes=chance.uniform(45, 180)))
                cursor = self._wait(spells, cursor, pause)
                continue
            cursor = self._job(spells, character, chance, cursor, end)
        return cursor

    def _job(
        self, spells: list[Spell], character: MachineCharacter, chance: random.Random, start: datetime, end: datetime
    ) -> datetime:
        setup = start + timedelta(minutes=chance.uniform(*character.setup_min))
        cursor = _add(spells, MachineState.NOT_EXECUTING, OperationMode.SETUP, start, min(setup, end))
        cycle = chance.uniform(*character.cycle_min)
        fails_at = chance.randint(1, 20) if chance.random() < character.breakdown_per_job * 4 else 0
        for part in range(1, chance.randint(*character.parts_per_job) + 1):
            if cursor >= end:
                break
            cursor = self._lunch_break(spells, character, cursor)
            if part == fails_at:
                repaired = cursor + timedelta(minutes=chance.uniform(*character.breakdown_min))
                cursor = _add(spells, MachineState.OUT_OF_SERVICE, OperationMode.NONE, cursor, min(repaired, end))
                continue
            done = cursor + timedelta(minutes=cycle * chance.uniform(0.97, 1.05))
            cursor = _add(spells, MachineState.EXECUTING, OperationMode.PROCESSING, cursor, done)
            gap = cursor + timedelta(minutes=chance.uniform(*character.part_gap_min))
            cursor = self._wait(spells, cursor, min(gap, max(end, cursor)))
        return cursor

    def _lunch_break(self, spells: list[Spell], character: MachineCharacter, cursor: datetime) -> datetime:
        local = cursor.astimezone(self._zone)
        if not character.lunch or not LUNCH[0] <= local.time() < LUNCH[1]:
            return cursor
        over = datetime.combine(local.date(), LUNCH[1], self._zone).astimezone(UTC)
        return self._wait(spells, cursor, over)

    @staticmethod
    def _wait(spells: list[Spell], start: datetime, end: datetime) -> datetime:
        return _add(spells, MachineState.NOT_EXECUTING, OperationMode.PROCESSING, start, end)


def _add(spells: list[Spell], state: MachineState, mode: OperationMode, start: datetime, end: datetime) -> datetime:
    """Append a spell in whole milliseconds, merged with the last one if that is of the same kind; returns its end."""
    end = end.replace(microsecond=end.microsecond // 1000 * 1000)
    if end <= start:
        return start
    if spells and (spells[-1].state, spells[-1].mode) == (state, mode):
        start = spells.pop().start
    spells.append(Spell(state, mode, start, end))
    return end
