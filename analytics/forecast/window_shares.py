"""How often windows like a coming one were free: what the forecast of windows knows of the past. Pure.

A window is a start on the half hour and a length; it is free where every quarter hour in it is free. For every window of a coming day,
shares of the past are kept that fade with different half-lives: on days of its kind, on its weekday, on all days; and the same
shares of windows that are an hour wider, or half an hour narrower, on either side. A window inside another one was free at least as
often, so shares of windows that have ended and are known throughout never grow with the window.

Features have the axes (machines, starts, lengths); what is kept has the lengths first, since days add some lengths at a time. Days count
from the first day of the grids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecast.one_thread import one_thread
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
_DOUBLINGS = 40
"""Single precision counts days that far apart."""
_FAR = 28
"""Days from which on it takes less time to take in all of them at once than one after the other."""
_TOGETHER = 64
"""Days that are summed at once: it bounds memory."""
_DRIFT_DAYS = (3, 7)
"""Days that are compared with what is usual, as in `STATES`."""
_GROWN = (0, 4, -2)
"""Quarters by which windows are widened on either side."""

_PARENT = {
    DayKind.HOLIDAY: DayKind.SUNDAY, DayKind.LEAVE: DayKind.HOLIDAY, DayKind.BRIDGE: DayKind.WORKDAY, DayKind.BESIDE: DayKind.WORKDAY,
}  # fmt: skip
"""What a kind of day is believed to be like until it has a record of its own."""


def window_states(values: np.ndarray, lengths: Sequence[int], grow: int = 0) -> np.ndarray:
    """FREE, NOT_FREE or UNKNOWN for each window: shape (days, lengths, machines, starts), int8.

    `values`: quarters of whole days, shape (machines, quarters). `grow`: quarters by which windows are widened on either side. What
    lies outside the grid is unknown.
    """
    machines, quarters = values.shape
    days = quarters // QUARTERS_PER_DAY
    left, right = max(0, grow), max(lengths) + max(0, grow)
    padded = np.pad(values, ((0, 0), (left, right)), constant_values=UNKNOWN)
    # Windows begin and end on half hours.
    busy, unknown = (np.ascontiguousarray(running_counts(padded == what)[:, ::2]) for what in (NOT_FREE, UNKNOWN))
    starts, first = days * STARTS_PER_DAY, (left - grow) // 2
    begin = slice(first, first + starts)
    found = np.empty((days, len(lengths), machines, STARTS_PER_DAY), dtype=np.int8)
    for place, length in enumerate(lengths):
        whole = length + 2 * grow
        if whole <= 0:
            found[:, place] = FREE
            continue
        end = slice(first + whole // 2, first + whole // 2 + starts)
        states = np.where(
            unknown[:, end] - unknown[:, begin] > int(_MOST_UNKNOWN * whole), np.int8(UNKNOWN), np.int8(FREE)
        )
        states[busy[:, end] > busy[:, begin]] = NOT_FREE
        found[:, place] = np.moveaxis(states.reshape(machines, days, STARTS_PER_DAY), 1, 0)
    return found


class _FadingShare:
    """Shares of free windows, one for each group of days. A day's weight halves with every `half_life` days: relative to the day of
    reference, later days weigh more, so that nothing has to be faded when a day is added."""

    def __init__(self, groups: int, half_life: float, shape: tuple[int, ...]) -> None:
        self.groups, self._half_life = groups, half_life
        self._free = np.zeros((groups, *shape), dtype=np.float32)
        self._known = np.zeros((groups, *shape), dtype=np.float32)
        self._reference = 0

    def add(self, group: int, day: int, free: np.ndarray, known: np.ndarray, lengths: slice) -> None:
        """Add windows of one day, of some of the lengths: 1 where free, where known."""
        if day - self._reference > _DOUBLINGS * self._half_life:
            faded = self._weight(self._reference - day)
            self._free *= faded
            self._known *= faded
            self._reference = day
        weight = self._weight(day - self._reference)
        self._free[group, lengths] += weight * free
        self._known[group, lengths] += weight * known

    def weights(self, groups: np.ndarray) -> np.ndarray:
        """How much each of the first days counts in each group at the midnight after them: shape (groups, days). `groups`: of each day; -1 for none."""
        weights = np.exp2(np.arange(-len(groups), 0) / self._half_life)
        weights[weights < 2.0**-_DOUBLINGS] = 0.0
        return np.where(np.arange(len(self._free))[:, None] == groups, weights, 0.0).astype(np.float32)

    def begin(self, day: int, free: np.ndarray, known: np.ndarray) -> None:
        """Begin with the sums of all days before `day`, by these weights."""
        self._reference, self._free, self._known = day, free.reshape(self._free.shape), known.reshape(self._known.shape)

    def share(
        self, group: int, day: int, belief: np.ndarray | np.float32, weight: float, machines: np.ndarray | slice
    ) -> np.ndarray:
        """The share of some machines at a later day, drawn towards `belief` as by `weight` days."""
        pull = np.float32(weight) * self._weight(day - self._reference)
        return np.asarray((self._free[group][:, machines] + pull * belief) / (self._known[group][:, machines] + pull))

    def _weight(self, days: float) -> np.float32:
        return np.float32(2.0 ** (days / self._half_life))


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
        starts = np.arange(STARTS_PER_DAY)[None, :] * 2
        self._ends = {grow: starts + np.array(lengths)[:, None] + max(grow, 0) for grow in _GROWN}
        shape = (len(lengths), len(values), STARTS_PER_DAY)
        self._all = {half_life: _FadingShare(1, half_life, shape) for half_life in (2, 30)}
        self._by_kind = {half_life: _FadingShare(KINDS, half_life, shape) for half_life in (4, 10, 60)}
        self._by_weekday = {half_life: _FadingShare(7, half_life, shape) for half_life in (21, 84)}
        self._kind_grown = {grow: _FadingShare(KINDS, 20, shape) for grow in _GROWN if grow}
        self._weekday_grown = {grow: _FadingShare(7, 40, shape) for grow in _GROWN if grow}
        self._counted = {grow: self._counted_in(grow) for grow in _GROWN}
        self._day = 0
        self._drift: deque[np.ndarray] = deque(maxlen=_DRIFT_DAYS[-1])

    def _counted_in(self, grow: int) -> list[tuple[_FadingShare, np.ndarray]]:
        """The shares in which windows count that are widened so far, and the group of each day there; -1 for none."""
        by_kind, by_weekday = self._kinds, np.where(self._kinds <= DayKind.SUNDAY, self._weekdays, -1)
        if grow:
            return [(self._kind_grown[grow], by_kind), (self._weekday_grown[grow], by_weekday)]
        return [
            *((share, by_kind) for share in self._by_kind.values()),
            *((share, by_weekday) for share in self._by_weekday.values()),
            *((share, np.zeros_like(by_kind)) for share in self._all.values()),
        ]

    @property
    def quarters(self) -> int:
        """Quarters of the grids, of whole days."""
        return int(self._values.shape[1])

    def outcomes(self, day: int) -> np.ndarray:
        """What became of the windows of a day: FREE, NOT_FREE or UNKNOWN: shape (machines, starts, lengths)."""
        return np.moveaxis(self._states[0][day], 0, -1)

    def advance(self, day: int) -> None:
        """Take in what had ended by the midnight at which `day` begins. Days can only go forward."""
        if self._day == 0 and day >= _FAR:
            self._leap(day - _DRIFT_DAYS[-1])
        while self._day < day:
            self._drift.append(surprise(self._states[0][self._day, 0], self._usual(self._day)))
            self._take_in(self._day)
            self._day += 1

    def _leap(self, day: int) -> None:
        """Take in all that had ended by the midnight at which `day` begins, as if day by day."""
        for grow, counted in self._counted.items():
            weights = np.concatenate([share.weights(groups[:day]) for share, groups in counted])
            free, known = np.zeros((2, len(weights), self._ends[grow].size * len(self._values)), dtype=np.float32)
            for first in range(0, day, _TOGETHER):
                some = weights[:, first : first + _TOGETHER]
                counts = np.flatnonzero(some.any(axis=1))
                states = self._ended_states(grow, first, min(first + _TOGETHER, day), day).reshape(some.shape[1], -1)
                with one_thread():
                    free[counts] += some[counts] @ (states == FREE).astype(np.float32)
                    known[counts] += some[counts] @ (states != UNKNOWN).astype(np.float32)
            place = 0
            for share, _ in counted:
                rows = slice(place, place + share.groups)
                share.begin(day, free[rows], known[rows])
                place = rows.stop
        self._day = day

    def _ended_states(self, grow: int, first: int, last: int, day: int) -> np.ndarray:
        """The states of the windows of the days from `first` to before `last`, UNKNOWN where they had not ended when `day` began."""
        states = self._states[grow][first:last]
        ended = self._ends[grow] <= (day - np.arange(first, last))[:, None, None] * QUARTERS_PER_DAY
        return states if ended.all() else np.where(ended[:, :, None], states, np.int8(UNKNOWN))

    def _take_in(self, day: int) -> None:
        """Add the windows that ended on a day. Long ones began days before."""
        for began in range(day, max(-1, day - 1 - max(self.lengths) // QUARTERS_PER_DAY - 1), -1):
            passed = (day - began) * QUARTERS_PER_DAY
            for grow, counted in self._counted.items():
                ended = (self._ends[grow] > passed) & (self._ends[grow] <= passed + QUARTERS_PER_DAY)
                some = np.flatnonzero(ended.any(axis=1))
                if not len(some):
                    continue
                lengths = slice(int(some[0]), int(some[-1]) + 1)
                states = self._states[grow][began, lengths]
                known = ((states != UNKNOWN) & ended[lengths, None]).astype(np.float32)
                free = ((states == FREE) & ended[lengths, None]).astype(np.float32)
                for share, groups in counted:
                    if groups[began] >= 0:
                        share.add(int(groups[began]), began, free, known, lengths)

    def shares(self, day: int, machines: np.ndarray | slice = slice(None)) -> Iterator[np.ndarray]:
        """The shares for the windows of a day, in the order of `SHARES`: each of shape (lengths, machines, starts)."""
        every = self._all[30].share(0, self._day, np.float32(0.5), 1.0, machines)
        recent = self._all[2].share(0, self._day, every, 0.3, machines)
        like = self._like(int(self._kinds[day]), int(self._weekdays[day]), every, machines)
        yield from (*like[:5], recent, every, *like[5:])

    def _like(self, kind: int, weekday: int, every: np.ndarray, machines: np.ndarray | slice) -> list[np.ndarray]:
        """Shares of days of a kind and weekday. A kind with a parent is believed to be like it until it has a record of its own."""
        now, parent = self._day, _PARENT.get(DayKind(kind))
        if parent is not None:
            of_parent = self._like(parent, _SUNDAY if parent == DayKind.SUNDAY else weekday, every, machines)
            return [self._by_kind[60].share(kind, now, belief, _OF_PARENT, machines) for belief in of_parent]
        like_60 = self._like_60(kind, now, every, machines)
        like_10 = self._by_kind[10].share(kind, now, like_60, 0.5, machines)
        like_4 = self._by_kind[4].share(kind, now, like_10, 0.3, machines)
        weekday_84 = self._by_weekday[84].share(weekday, now, like_60, 1.0, machines)
        weekday_21 = self._by_weekday[21].share(weekday, now, weekday_84, 0.5, machines)
        grown = [
            share
            for grow in _GROWN
            if grow
            for share in (
                self._kind_grown[grow].share(kind, now, like_60, 0.5, machines),
                self._weekday_grown[grow].share(weekday, now, weekday_84, 0.5, machines),
            )
        ]
        return [weekday_21, weekday_84, like_4, like_10, like_60, *grown]

    def _like_60(self, kind: int, now: int, every: np.ndarray, machines: np.ndarray | slice) -> np.ndarray:
        """The slowest share of days of a kind, as `_like` has it too, without the cost of the others."""
        parent = _PARENT.get(DayKind(kind))
        if parent is None:
            return self._by_kind[60].share(kind, now, every, 1.0, machines)
        of_parent = self._like_60(parent, now, every, machines)
        return self._by_kind[60].share(kind, now, of_parent, _OF_PARENT, machines)

    def _usual(self, day: int) -> np.ndarray:
        """How often the half hours of a day were free on days like it: shape (machines, starts)."""
        every = self._all[30].share(0, day, np.float32(0.5), 1.0, slice(None))
        return np.asarray(self._like_60(int(self._kinds[day]), day, every, slice(None))[0])

    def looking_ahead(
        self, origin: Origin, days: Sequence[int], machines: np.ndarray | slice = slice(None)
    ) -> Iterator[tuple[int, np.ndarray]]:
        """For each of the days from the origin's on, the features of some machines' windows: shape (machines, starts, lengths,
        len(FEATURES)).

        Nothing that ended after the origin is used.
        """
        self.advance(origin.day)
        known, values = self.known(days, machines), self._values[machines]
        for day in days:
            yield day, known.features(values, origin, day)

    def known(self, days: Sequence[int], machines: np.ndarray | slice = slice(None)) -> KnownAtMidnight:
        """What is known of the coming days at the midnight that was advanced to."""
        shares = {day: np.stack(list(self.shares(day, machines))) for day in days}
        usual = self._usual(self._day)[machines]
        lately = list(self._drift)
        drift = [np.mean(lately[-days:], axis=0) if lately else np.zeros(len(self._values)) for days in _DRIFT_DAYS]
        return KnownAtMidnight(self._day, self.lengths, shares, usual, np.stack(drift)[:, machines])


@dataclass(frozen=True)
class KnownAtMidnight:
    """What the past says of the windows of some coming days. `shares`: of each day, shape (len(SHARES), lengths, machines, starts).
    `usual`: how often the half hours of `day` were free on days like it, shape (machines, starts). `drift`: how much freer than usual the
    last three and seven days were, shape (2, machines)."""

    day: int
    lengths: tuple[int, ...]
    shares: Mapping[int, np.ndarray]
    usual: np.ndarray
    drift: np.ndarray

    def features(self, values: np.ndarray, origin: Origin, day: int) -> np.ndarray:
        """The features of the windows of a day: shape (machines, starts, lengths, len(FEATURES)). `values`: the quarters of these machines,
        of which nothing from the origin on is used."""
        states = self._origin_states(values, origin)
        features = np.empty((len(states), STARTS_PER_DAY, len(self.lengths), len(FEATURES)), dtype=np.float32)
        for place, share in enumerate(self.shares[day]):
            features[..., place] = np.moveaxis(share, 0, -1)
        features[..., len(SHARES) : -3] = states[:, None, None, :]
        starts = np.arange(STARTS_PER_DAY) / STARTS_PER_DAY
        ahead = day - origin.day + starts - origin.quarter / QUARTERS_PER_DAY
        features[..., -3] = np.log1p(np.maximum(ahead, 0.0))[None, :, None]
        features[..., -2] = starts[None, :, None]
        features[..., -1] = np.log2(self.lengths)[None, None, :]
        return features

    def _origin_states(self, values: np.ndarray, origin: Origin) -> np.ndarray:
        """The machines at the origin, as `STATES` without the days ahead: shape (machines, states)."""
        before = values[:, max(0, origin.place - _REMEMBERED) : origin.place]
        if not before.shape[1]:
            return np.zeros((len(values), len(STATES) - 1), dtype=np.float32)
        today = values[:, origin.day * QUARTERS_PER_DAY : origin.place]
        columns = [
            before[:, -1] == FREE,
            np.log1p(_since(before == NOT_FREE) / 4),
            np.log1p(_since(before == FREE) / 4),
            _free_share(before[:, -QUARTERS_PER_DAY:]),
            _free_share(before),
            surprise(_half_hours(today), self.usual),
            *self.drift,
        ]
        return np.column_stack(columns).astype(np.float32)


def surprise(states: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """How much more of the half hours of a day was free than usual: shape (machines,). `states`: of those that are over, shape (machines,
    half hours)."""
    known = states != UNKNOWN
    more = np.where(known, (states == FREE) - usual[:, : states.shape[1]], 0.0).sum(axis=1)
    return np.asarray(more / np.maximum(known.sum(axis=1), 1), dtype=np.float32)


def _half_hours(quarters: np.ndarray) -> np.ndarray:
    """FREE, NOT_FREE or UNKNOWN for each whole half hour, as `window_states` has it: shape (machines, half hours)."""
    pairs = quarters[:, : quarters.shape[1] // 2 * 2].reshape(len(quarters), -1, 2)
    states = np.where((pairs == UNKNOWN).any(axis=2), UNKNOWN, FREE)
    return np.asarray(np.where((pairs == NOT_FREE).any(axis=2), NOT_FREE, states))


def _since(flags: np.ndarray) -> np.ndarray:
    """Quarters since the flag last held, or the whole span where it never did: shape (machines,)."""
    backwards = flags[:, ::-1]
    return np.asarray(np.where(flags.any(axis=1), backwards.argmax(axis=1), flags.shape[1]))


def _free_share(values: np.ndarray) -> np.ndarray:
    return np.asarray((values == FREE).sum(axis=1) / np.maximum((values != UNKNOWN).sum(axis=1), 1))
