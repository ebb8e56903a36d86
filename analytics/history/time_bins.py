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

    def hours_of_union(self, first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
        """Hours covered by either of two sets of spells."""
        starts, ends = (np.concatenate(both) for both in zip(self._along(first), self._along(second), strict=True))
        order = np.argsort(starts, kind="stable")
        starts, reach = starts[order], np.maximum.accumulate(ends[order])
        begins = np.append(True, starts[1:] > reach[:-1])[: len(starts)]
        stops = reach[np.append(np.flatnonzero(begins)[1:] - 1, len(starts) - 1)] if len(starts) else reach
        return self._binned(starts[begins], stops)

    def hours_outside(self, spells: pd.DataFrame, excluded: pd.DataFrame) -> np.ndarray:
        """Hours covered by `spells` but not by `excluded`."""
        return np.asarray(np.maximum(0.0, self.hours_of_union(spells, excluded) - self.hours(excluded)))

    def _along(self, spells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends on the common axis, clipped to the bins so that no machine reaches into the next one's
        part."""
        machine = pd.Categorical(spells["machine"], categories=self.machines)
        offsets = machine.codes * self._stride - self.edges[0]
        cut = (np.clip(epoch_seconds(spells[name]), self.edges[0], self.edges[-1]) for name in ("start", "end"))
        starts, ends = (times + offsets for times in cut)
        return starts, ends

    def _binned(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        if not len(starts):
            return np.zeros((len(self.machines), len(self.edges) - 1))
        points = np.column_stack([starts, ends]).ravel()
        lengths = (ends - starts).cumsum()
        totals = np.column_stack([np.concatenate([[0.0], lengths[:-1]]), lengths]).ravel()
        edges = np.arange(len(self.machines))[:, None] * self._stride + (self.edges - self.edges[0])
        covered = np.interp(edges.ravel(), points, totals).reshape(edges.shape)
        return np.asarray(np.diff(covered, axis=1) / 3600)


def epoch_seconds(times: pd.Series) -> np.ndarray:
    """Seconds since 1970 as float64, whatever the resolution of the column."""
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("us").asi8 / 1e6
