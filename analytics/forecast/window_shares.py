"""How often windows like a coming one were free: what the forecast of windows knows of the past. Pure.

A window is a start on the half hour and a length; it is free where every quarter hour in it is free. For every window of a coming day,
shares of the past are kept that fade with different half-lives: on days of its kind, on its weekday, on all days; and the same
shares of windows that are an hour wider, or half an hour narrower, on either side. A window inside another one was free at least as
often, so shares of windows that have ended and are known throughout never grow with the window.

Arrays have the axes (machines, starts, lengths); days count from the first day of the grids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.history.day_kinds import KINDS, DayKind
from analytics.history.quarter_grid import (
    FREE,
    NOT_FREE,
    QUARTERS_PER_DAY,
    QUARTERS_PER_WEEK,
    UNKNOWN,
    running_counts,
)

STARTS_PER_DAY = 48
LENGTHS = (2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 144, 192, 288)
"""Lengths of windows in quarter hours, from half an hour to three days. The first must be a half hour."""

SHARES = (
    "weekday, 3 weeks", "weekday, 12 weeks", "like days, 4 days", "like days, 10 days", "like days, 60 days", "all days, 2 days",
    "all days, 30 days", "wider, like days", "wider, weekday", "narrower, like days", "narrower, weekday",
)  # fmt: skip
STATES = (
    "free at the origin", "hours since it was busy", "hours since it was free", "free in the last day", "free in the last week",
    "freer than usual today", "freer than usual in 3 days", "freer than usual in 7 days", "days ahead",
)  # fmt: skip
FEATURES = (*SHARES, *STATES, "start", "length")

_SUNDAY = 6
_OF_PARENT = 2.0
"""How many days of its own weigh as much as what is known of days of the parent kind."""
_MOST_UNKNOWN = 0.2
"""A window of which more is unknown, and none of the rest busy, counts as unknown."""
_REMEMBERED = QUARTERS_PER_WEEK
_GROWN = (0, 4, -2)
"""Quarters by which windows are widened on either side."""

_PARENT = {
    DayKind.HOLIDAY: DayKind.SUNDAY, DayKind.LEAVE: DayKind.HOLIDAY, DayKind.BRIDGE: DayKind.WORKDAY, DayKind.BESIDE: DayKind.WORKDAY,
}  # fmt: skip
"""What a kind of day is believed to be like until it has a record of its own."""


def window_states(values: np.ndarray, lengths: Sequence[int], grow: int = 0) -> np.ndarray:
    """FREE, NOT_FREE or UNKNOWN for each window: shape (machines, days, starts, lengths), int8.

    `values`: quarters of whole days, shape (machines, quarters). `grow`: quarters by which windows are widened on either side. What
    lies outside the grid is unknown.
    """
    machines, quarters = values.shape
    days = quarters // QUARTERS_PER_DAY
    busy, unknown = running_counts(values == NOT_FREE), running_counts(values == UNKNOWN)
    starts = np.arange(days * STARTS_PER_DAY) * 2
    found = np.empty((machines, len(starts), len(lengths)), dtype=np.int8)
    for place, length in enumerate(lengths):
        begin, end = starts - grow, starts + length + grow
        inside = np.clip(begin, 0, quarters), np.clip(np.maximum(end, begin), 0, quarters)
        missing = (end - begin) - (inside[1] - inside[0])
        unknown_quarters = unknown[:, inside[1]] - unknown[:, inside[0]] + missing
        state = np.where(unknown_quarters > _MOST_UNKNOWN * (end - begin), UNKNOWN, FREE)
        found[:, :, place] = np.where(busy[:, inside[1]] > busy[:, inside[0]], NOT_FREE, state)
    return found.reshape(machines, days, STARTS_PER_DAY, len(lengths))


class _FadingShare:
    """Shares of free windows, one for each group of days. A day's weight halves with every `half_life` days."""

    def __init__(self, groups: int, half_life: float, shape: tuple[int, ...]) -> None:
        self._half_life = half_life
        self._free = np.zeros((groups, *shape), dtype=np.float32)
        self._known = np.zeros((groups, *shape), dtype=np.float32)
        self._day = np.zeros(groups)

    def add(self, group: int, day: int, free: np.ndarray, known: np.ndarray) -> None:
        """Add one day's windows: 1 where free, where known."""
        if day > self._day[group]:
            fading = self._fading(day - self._day[group])
            self._free[group] *= fading
            self._known[group] *= fading
            self._day[group] = day
        weight = self._fading(self._day[group] - day)
        self._free[group] += weight * free
        self._known[group] += weight * known

    def share(self, group: int, day: int, belief: np.ndarray | np.float32, weight: float) -> np.ndarray:
        """The share at a later day, drawn towards `belief` as by `weight` days."""
        fading = self._fading(day - self._day[group])
        return np.asarray((self._free[group] * fading + weight * belief) / (self._known[group] * fading + weight))

    def _fading(self, days: float) -> np.float32:
        return np.float32(2.0 ** (-days / self._half_life))


@dataclass(frozen=True)
class Origin:
    """A moment from which is looked ahead: a day of the grid, and how many of its quarters are over."""

    day: int
    quarter: int = 0

    @property
    def place(self) -> int:
        return self.day * QUARTERS_PER_DAY + self.quarter


class PastWindows:
    """Walks through the past of some machines day by day, and tells at each origin what was known then.

    `values`: shape (machines, quarters). `kinds`, `weekdays`: of the days of the grid and of those ahead.
    """

    def __init__(
        self, values: np.ndarray, kinds: np.ndarray, weekdays: np.ndarray, lengths: Sequence[int] = LENGTHS
    ) -> None:
        whole = -(-values.shape[1] // QUARTERS_PER_DAY) * QUARTERS_PER_DAY
        self._values = np.full((len(values), whole), UNKNOWN, dtype=np.int8)
        self._values[:, : values.shape[1]] = values
        self.lengths, self._kinds, self._weekdays = tuple(lengths), kinds, weekdays
        self._states = {grow: window_states(self._values, lengths, grow) for grow in _GROWN}
        starts = np.arange(STARTS_PER_DAY)[:, None] * 2
        self._ends = {grow: starts + np.array(lengths)[None, :] + max(grow, 0) for grow in _GROWN}
        shape = (len(values), STARTS_PER_DAY, len(lengths))
        self._all = {half_life: _FadingShare(1, half_life, shape) for half_life in (2, 30)}
        self._by_kind = {half_life: _FadingShare(KINDS, half_life, shape) for half_life in (4, 10, 60)}
        self._by_weekday = {half_life: _FadingShare(7, half_life, shape) for half_life in (21, 84)}
        self._kind_grown = {grow: _FadingShare(KINDS, 20, shape) for grow in _GROWN if grow}
        self._weekday_grown = {grow: _FadingShare(7, 40, shape) for grow in _GROWN if grow}
        self._day = 0
        self._drift: list[np.ndarray] = []

    @property
    def quarters(self) -> int:
        """Quarters of the grids, of whole days."""
        return int(self._values.shape[1])

    def outcomes(self, day: int) -> np.ndarray:
        """What became of the windows of a day: FREE, NOT_FREE or UNKNOWN."""
        return np.asarray(self._states[0][:, day])

    def advance(self, day: int) -> None:
        """Take in what had ended by the midnight at which `day` begins. Days can only go forward."""
        while self._day < day:
            self._drift.append(self._surprise(self._day, QUARTERS_PER_DAY))
            self._take_in(self._day)
            self._day += 1

    def _take_in(self, day: int) -> None:
        """Add the windows that ended on a day. Long ones began days before."""
        for began in range(day, max(-1, day - 1 - max(self.lengths) // QUARTERS_PER_DAY - 1), -1):
            passed = (day - began) * QUARTERS_PER_DAY
            kind, weekday = int(self._kinds[began]), int(self._weekdays[began])
            for grow in _GROWN:
                ended = (self._ends[grow] > passed) & (self._ends[grow] <= passed + QUARTERS_PER_DAY)
                if not ended.any():
                    continue
                states = self._states[grow][:, began]
                known = (states != UNKNOWN) & ended
                free = (states == FREE) & ended
                shares = [*self._by_kind.values()] if grow == 0 else [self._kind_grown[grow]]
                for share in shares:
                    share.add(kind, began, free, known)
                if kind <= DayKind.SUNDAY:
                    for share in self._by_weekday.values() if grow == 0 else [self._weekday_grown[grow]]:
                        share.add(weekday, began, free, known)
                if grow == 0:
                    for share in self._all.values():
                        share.add(0, began, free, known)

    def shares(self, day: int) -> np.ndarray:
        """The shares for the windows of a day: shape (len(SHARES), machines, starts, lengths)."""
        every = self._all[30].share(0, self._day, np.float32(0.5), 1.0)
        recent = self._all[2].share(0, self._day, every, 0.3)
        like = self._like(int(self._kinds[day]), int(self._weekdays[day]), every)
        return np.stack([*like[:5], recent, every, *like[5:]])

    def _like(self, kind: int, weekday: int, every: np.ndarray) -> list[np.ndarray]:
        """Shares of days of a kind and weekday. A kind with a parent is believed to be like it until it has a record of its own."""
        now, parent = self._day, _PARENT.get(DayKind(kind))
        if parent is not None:
            of_parent = self._like(parent, _SUNDAY if parent == DayKind.SUNDAY else weekday, every)
            return [self._by_kind[60].share(kind, now, belief, _OF_PARENT) for belief in of_parent]
        like_60 = self._like_60(kind, now, every)
        like_10 = self._by_kind[10].share(kind, now, like_60, 0.5)
        like_4 = self._by_kind[4].share(kind, now, like_10, 0.3)
        weekday_84 = self._by_weekday[84].share(weekday, now, like_60, 1.0)
        weekday_21 = self._by_weekday[21].share(weekday, now, weekday_84, 0.5)
        grown = [
            share
            for grow in _GROWN
            if grow
            for share in (
                self._kind_grown[grow].share(kind, now, like_60, 0.5),
                self._weekday_grown[grow].share(weekday, now, weekday_84, 0.5),
            )
        ]
        return [weekday_21, weekday_84, like_4, like_10, like_60, *grown]

    def _like_60(self, kind: int, now: int, every: np.ndarray) -> np.ndarray:
        """The slowest share of days of a kind, as `_like` has it too, without the cost of the others."""
        parent = _PARENT.get(DayKind(kind))
        if parent is None:
            return self._by_kind[60].share(kind, now, every, 1.0)
        return self._by_kind[60].share(kind, now, self._like_60(parent, now, every), _OF_PARENT)

    def _surprise(self, day: int, quarters: int) -> np.ndarray:
        """How much more of the first `quarters` of a day was free than on days like it: shape (machines,)."""
        every = self._all[30].share(0, day, np.float32(0.5), 1.0)
        usual = self._like_60(int(self._kinds[day]), day, every)[:, : quarters // 2, 0]
        states = self._states[0][:, day, : quarters // 2, 0]
        known = states != UNKNOWN
        more = np.where(known, (states == FREE) - usual, 0.0).sum(axis=1)
        return np.asarray(more / np.maximum(known.sum(axis=1), 1), dtype=np.float32)

    def looking_ahead(self, origin: Origin, days: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """For each of the days from the origin's on, the features of its windows: shape (machines, starts, lengths, len(FEATURES)).

        Nothing that ended after the origin is used.
        """
        self.advance(origin.day)
        states = self._origin_states(origin)
        shape = (len(self._values), STARTS_PER_DAY, len(self.lengths))
        for day in days:
            features = np.empty((*shape, len(FEATURES)), dtype=np.float32)
            features[..., : len(SHARES)] = np.moveaxis(self.shares(day), 0, -1)
            features[..., len(SHARES) : -3] = states[:, None, None, :]
            starts = np.arange(STARTS_PER_DAY) / STARTS_PER_DAY
            ahead = day - origin.day + starts - origin.quarter / QUARTERS_PER_DAY
            features[..., -3] = np.log1p(np.maximum(ahead, 0.0))[None, :, None]
            features[..., -2] = starts[None, :, None]
            features[..., -1] = np.log2(self.lengths)[None, None, :]
            yield day, features

    def _origin_states(self, origin: Origin) -> np.ndarray:
        """The machines at the origin, as `STATES` without the days ahead: shape (machines, states)."""
        before = self._values[:, max(0, origin.place - _REMEMBERED) : origin.place]
        if not before.shape[1]:
            return np.zeros((len(self._values), len(STATES) - 1), dtype=np.float32)
        columns = [
            before[:, -1] == FREE,
            np.log1p(_since(before == NOT_FREE) / 4),
            np.log1p(_since(before == FREE) / 4),
            _free_share(before[:, -QUARTERS_PER_DAY:]),
            _free_share(before),
            self._surprise(origin.day, origin.quarter) if origin.quarter >= 2 else np.zeros(len(before)),
            *(np.mean(self._drift[-days:], axis=0) if self._drift else np.zeros(len(before)) for days in (3, 7)),
        ]
        return np.column_stack(columns).astype(np.float32)


def _since(flags: np.ndarray) -> np.ndarray:
    """Quarters since the flag last held, or the whole span where it never did: shape (machines,)."""
    backwards = flags[:, ::-1]
    return np.asarray(np.where(flags.any(axis=1), backwards.argmax(axis=1), flags.shape[1]))


def _free_share(values: np.ndarray) -> np.ndarray:
    return np.asarray((values == FREE).sum(axis=1) / np.maximum((values != UNKNOWN).sum(axis=1), 1))
