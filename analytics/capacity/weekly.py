"""Hours of each coming week: how many calendar and policy leave open, and how many of these can be expected to be free. Pure.

Open hours are those that the policy offers, or those of the shifts where it names none, without public holidays, collective leave, blackouts, planned work, vetoes and
bookings. What can be expected of them is what the forecast says as far as it reaches, and beyond that the mean of the past weeks. How far a week may lie from that is read off
the past weeks, too: the interval holds for the next week with the probability `INTERVAL` if it is like the ones before, whatever their distribution (order statistics), and
for each of the last weeks it is checked against what the weeks before it would have told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd

from analytics.history.day_kinds import DAYS_OFF, day_kinds
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import QUARTER, Policy
from analytics.policy.shifts import shift_times
from analytics.policy.slot import BusyHours

WEEKS = 52
PAST_WEEKS = 26
"""How many of the last whole weeks tell what can be expected."""
FEWEST_WEEKS, LATELY = 4, 8
"""A machine of which fewer of the last eight whole weeks are known is left out."""
MIN_KNOWN = 0.8
"""A week counts if so much of its open hours is known; what is missing is taken to be like the rest."""
INTERVAL = 0.8
_TAIL = (1 - INTERVAL) / 2
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class MachineWeeks:
    """Of one machine: `open_h` and `expected_h` by coming week, shape (weeks,). `past_h`: hours that would have been free of a coming week's, had it been like a past one: shape
    (past weeks, weeks), NaN where too little is known. `forecast`: the share of the open hours that the forecast reaches, shape (weeks,)."""

    machine: str
    open_h: np.ndarray
    expected_h: np.ndarray
    past_h: np.ndarray
    forecast: np.ndarray


@dataclass(frozen=True)
class Capacity:
    """As known at `at`. `mondays`: of the coming weeks, from the next one on. `machines`: those that may be offered and are known well enough; `unknown`: those of which too little is known."""

    at: datetime
    mondays: tuple[date, ...]
    machines: Mapping[str, MachineWeeks] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupWeeks:
    """Of some machines together, by coming week. `low_h`, `high_h`: the interval, NaN where too few weeks are known. `past_weeks`: how many are known of all machines; of the `checked` newest
    ones, `inside` lay in the interval that the weeks before them had told."""

    open_h: np.ndarray
    expected_h: np.ndarray
    low_h: np.ndarray
    high_h: np.ndarray
    forecast: np.ndarray
    past_weeks: int
    checked: int
    inside: int


def weekly_capacity(snapshot: Snapshot, shares: Mapping[str, np.ndarray], policy: Policy, busy: BusyHours) -> Capacity:
    """`shares`: per machine the probability that each quarter from the snapshot's `now` on is free, as in `Proposal.shares`."""
    if not snapshot.grids:
        return Capacity(snapshot.now, ())
    calendar = _Calendar.of(next(iter(snapshot.grids.values())), snapshot.now, policy)
    found, unknown = {}, []
    for name, grid in snapshot.grids.items():
        if not policy.for_machine(name).is_offered:
            continue
        weeks = _machine_weeks(name, grid, snapshot.origin, shares.get(name, np.empty(0)), calendar, policy, busy)
        if weeks is None:
            unknown.append(name)
        else:
            found[name] = weeks
    return Capacity(snapshot.now, calendar.mondays, found, tuple(unknown))


def together(machines: Sequence[MachineWeeks]) -> GroupWeeks:
    """The sums over the machines. What one of them does while another one does not is in the sums of the past weeks, so that the interval holds for them together."""
    expected = np.sum([one.expected_h for one in machines], axis=0)
    open_h = np.sum([one.open_h for one in machines], axis=0)
    forecast = _ratio(np.sum([one.forecast * one.open_h for one in machines], axis=0), open_h)
    past = np.sum([one.past_h for one in machines], axis=0)
    low, high = np.full(len(open_h), np.nan), np.full(len(open_h), np.nan)
    for week in range(len(open_h)):
        known = past[~np.isnan(past[:, week]), week]
        bounds = interval(known)
        if bounds is not None:
            off = expected[week] - known.mean()
            low[week] = min(max(0.0, bounds[0] + off), expected[week])
            high[week] = max(min(open_h[week], bounds[1] + off), expected[week])
    fullest = past[:, int(np.argmax(open_h))]
    known = fullest[~np.isnan(fullest)]
    checked, inside = _record(known)
    return GroupWeeks(open_h, expected, low, high, forecast, len(known), checked, inside)


def interval(past: np.ndarray) -> tuple[float, float] | None:
    """Between which values another one lies with at least the probability `INTERVAL`, if it is drawn as those of `past` were; None if there are too few of them."""
    cut = int(_TAIL * (len(past) + 1) + 1e-9)
    if not cut:
        return None
    ordered = np.sort(past)
    return float(ordered[cut - 1]), float(ordered[len(past) - cut])


def _record(past: np.ndarray) -> tuple[int, int]:
    """How many past weeks can be checked against the weeks before them, and how many of them lay inside."""
    told = [(interval(past[:place]), value) for place, value in enumerate(past.tolist())]
    inside = [bounds[0] <= value <= bounds[1] for bounds, value in told if bounds is not None]
    return len(inside), sum(inside)


@dataclass(frozen=True)
class _Calendar:
    """What is the same for all machines. `first`: the position in the grids of the next Monday's midnight. `hours`: of each coming quarter, as two days of a year are not 24 hours long. `closed`:
    which of them lie on a public holiday or in collective leave; `shifts`: which lie in a shift. All of shape (weeks * 672,). `closed_before`: as `closed`, of the past weeks."""

    mondays: tuple[date, ...]
    first: int
    hours: np.ndarray
    closed: np.ndarray
    shifts: np.ndarray
    closed_before: np.ndarray

    @classmethod
    def of(cls, grid: QuarterGrid, now: datetime, policy: Policy) -> _Calendar:
        today = grid.local_time(grid.index_of(now)).date()
        monday = today + timedelta(days=7 - today.weekday())
        days, before = 7 * WEEKS, 7 * PAST_WEEKS
        past_monday = monday - timedelta(days=7 + before)
        kinds = day_kinds(past_monday, before + 7 + days, policy.country, policy.leave)
        closed = np.isin(kinds, DAYS_OFF).repeat(QUARTERS_PER_DAY)
        walls = pd.date_range(datetime.combine(monday, time(0)), periods=days * QUARTERS_PER_DAY + 1, freq=QUARTER)
        moments = walls.tz_localize(policy.zone, ambiguous=np.ones(len(walls), dtype=bool), nonexistent="shift_forward")
        hours = np.diff(moments.as_unit("s").asi8) / _HOUR.total_seconds()
        first = (monday - grid.first_day).days * QUARTERS_PER_DAY
        in_shift = np.zeros(len(hours), dtype=bool)
        for shift in shift_times(policy.shifts, policy.zone, monday - timedelta(days=1), monday + timedelta(days=days)):
            begin, end = (grid.index_of(moment) - first for moment in (shift.start, shift.end))
            in_shift[max(0, begin) : max(0, end)] = True
        mondays = tuple(monday + timedelta(weeks=week) for week in range(WEEKS))
        past = before * QUARTERS_PER_DAY
        return cls(mondays, first, hours, closed[past + QUARTERS_PER_WEEK :], in_shift, closed[:past])


def _machine_weeks(
    name: str, grid: QuarterGrid, origin: int, shares: np.ndarray, calendar: _Calendar, policy: Policy, busy: BusyHours
) -> MachineWeeks | None:
    """None if too little is known of the machine."""
    rules = policy.for_machine(name)
    last = calendar.first + len(calendar.hours)
    usable = open_quarters(grid, calendar.first, last, rules, busy.get(name, ()))
    if rules.offered is None:
        usable &= calendar.shifts
    usable &= ~calendar.closed
    weight = np.where(usable, calendar.hours, 0.0)
    by_week = weight.reshape(WEEKS, QUARTERS_PER_WEEK)
    open_h = by_week.sum(axis=1)
    past = _past_weeks(grid, calendar)
    free, known = (past == FREE).astype(float), (past != UNKNOWN).astype(float)
    # Nearly all weeks are alike: each kind of them is counted once.
    weeks, kinds = _alike(by_week)
    free_h, known_h = (free @ weeks.T)[:, kinds], (known @ weeks.T)[:, kinds]
    past_h = np.where(known_h >= MIN_KNOWN * open_h - 1e-9, _ratio(free_h, known_h) * open_h, np.nan)
    counted = ~np.isnan(past_h[:, int(np.argmax(open_h))])
    if counted[-LATELY:].sum() < FEWEST_WEEKS:
        return None
    usual = np.tile(_ratio(free[counted].sum(axis=0), known[counted].sum(axis=0), np.nan), WEEKS)
    usual = np.where(np.isnan(usual), np.nanmean(past_h[counted] / np.maximum(open_h, 1e-9)), usual)
    told = np.full(len(weight), np.nan)
    reach = shares[calendar.first - origin :][: len(told)]
    told[: len(reach)] = reach
    is_told = ~np.isnan(told)
    expected = (np.where(is_told, told, usual) * weight).reshape(WEEKS, QUARTERS_PER_WEEK).sum(axis=1)
    forecast = _ratio((is_told * weight).reshape(WEEKS, QUARTERS_PER_WEEK).sum(axis=1), open_h)
    # The policy offers at most a share of what is open, the surest hours first: no more of it is capacity.
    most = rules.largest_share * open_h
    return MachineWeeks(name, most, np.minimum(expected, most), np.minimum(past_h, most), forecast)


def _past_weeks(grid: QuarterGrid, calendar: _Calendar) -> np.ndarray:
    """The last whole weeks, oldest first: shape (past weeks, 672). What is not the machine's own, and days that are not like others, are unknown."""
    begin = calendar.first - (PAST_WEEKS + 1) * QUARTERS_PER_WEEK
    values = np.full(PAST_WEEKS * QUARTERS_PER_WEEK, UNKNOWN, dtype=np.int8)
    own = max(begin, grid.own_from, 0)
    end = begin + len(values)
    if own < end:
        found = grid.values[own:end]
        values[own - begin : own - begin + len(found)] = found
    values[calendar.closed_before] = UNKNOWN
    return values.reshape(PAST_WEEKS, QUARTERS_PER_WEEK)


def _alike(rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The different rows, and for each row which of these it is."""
    numbers: dict[bytes, int] = {}
    kinds = [numbers.setdefault(row.tobytes(), len(numbers)) for row in rows]
    return rows[[kinds.index(kind) for kind in range(len(numbers))]], kinds


def _ratio(part: np.ndarray, whole: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), otherwise), where=whole > 0))
