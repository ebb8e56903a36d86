"""Sums the hours of spells per bin of time, for all machines at once. Pure.

All machines are laid out one after the other on a single axis of seconds, so that one interpolation serves them
all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


class TimeBins:
    """`edges`: shape (bins + 1,), seconds since 1970, ascending. All methods return hours of shape (machines, bins)."""

    def __init__(self, machines: Sequence[str], edges: np.ndarray) -> None:
        self.machines = list(machines)
        self.edges = edges
        self._stride = edges[-1] - edges[0]

    def hours(self, spells: pd.DataFrame) -> np.ndarray:
        """Hours covered by disjoint, ordered spells (columns machine, start, end)."""
        return self._binned(*self._along(spells))

    def hours_outside(self, spells: pd.DataFrame, excluded: pd.DataFrame) -> np.ndarray:
        """Hours covered by `spells` but not by `excluded`."""
        (starts, ends), outer = self._along(spells), self._along(excluded)
        # Most pauses lie within a job: what is left is little.
        rest = ~_within(starts, ends, *outer)
        union = self._binned(*_united((starts[rest], ends[rest]), outer))
        return np.asarray(np.maximum(0.0, union - self._binned(*outer)))

    def _along(self, spells: pd.DataFrame) -> _Along:
        """Starts and ends on the common axis, clipped to the bins so that no machine reaches into the next one's
        part."""
        machine = pd.Categorical(spells["machine"], categories=self.machines)
        offsets = machine.codes * self._stride - self.edges[0]
        cut = (np.clip(epoch_seconds(spells[name]), self.edges[0], self.edges[-1]) for name in ("start", "end"))
        starts, ends = (times + offsets for times in cut)
        return starts, ends

    def _binned(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """There are far fewer turns than bins: each is counted in its own bin, and from there on bins are covered, or no longer."""
        count = len(self.machines)
        offsets = np.arange(count)[:, None] * self._stride
        edges = np.append(offsets + (self.edges[:-1] - self.edges[0]), count * self._stride)
        begins, stops = _turns(starts, ends)
        parts, whole = np.zeros(len(edges)), np.zeros(len(edges) + 1, dtype=np.int32)
        for sign, times in ((1, begins), (-1, stops)):
            bins = np.searchsorted(edges, times, "right") - 1
            until = np.append(edges[1:], edges[-1])[bins]
            parts += sign * np.bincount(bins, until - times, minlength=len(edges))
            np.add.at(whole, bins + 1, sign)
        covered = parts[:-1] + np.cumsum(whole)[: len(edges) - 1] * np.diff(edges)
        return np.asarray(np.maximum(0.0, covered).reshape(count, -1) / 3600)


_Along = tuple[np.ndarray, np.ndarray]
"""Starts and ends of spells on the common axis."""


def _united(first: _Along, second: _Along) -> _Along:
    """The union of two sets of spells: disjoint, ordered."""
    starts, ends = (np.concatenate(both) for both in zip(first, second, strict=True))
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(ends[order])
    begins = np.append(True, starts[1:] > reach[:-1])[: len(starts)]
    last = np.append(np.flatnonzero(begins)[1:] - 1, len(starts) - 1) if len(starts) else np.flatnonzero(begins)
    return starts[begins], reach[last]


def _within(starts: np.ndarray, ends: np.ndarray, begins: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Which spells lie within one of others, which are disjoint and ordered."""
    if not len(begins):
        return np.zeros(len(starts), dtype=bool)
    before = np.searchsorted(begins, starts, "right") - 1
    return np.asarray((before >= 0) & (ends <= stops[before]))


def _turns(starts: np.ndarray, ends: np.ndarray) -> _Along:
    """Spells that adjoin as one."""
    apart = starts[1:] != ends[:-1]
    return starts[np.append(True, apart)[: len(starts)]], ends[np.append(apart, True)[: len(ends)]]


def epoch_seconds(times: pd.Series) -> np.ndarray:
    """Seconds since 1970 as float64, whatever the resolution of the column."""
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("us").asi8 / 1e6
