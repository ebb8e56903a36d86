"""What a factory that has just begun is taught: windows of public recordings, and how forecasts of them turned out. Pure but for `shipped`.

A machine that has been recorded for two weeks knows little of its habits, and nothing of how far such habits can be trusted. Both are learnt
from young histories cut out of public recordings (`make prior`, decision 23). The factory's own record takes their place as it grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from analytics.forecast.window_shares import FEATURES, LENGTHS

FADED_AFTER = 60.0
"""Days of machines (two machines make two days of one) after which nothing of it is left."""
WEIGHT_DAYS = 20.0
"""The recorded days weigh as much as so many days of the factory's own, as long as it has none."""
FILE = Path(__file__).with_name("prior.npz")


@dataclass(frozen=True)
class Prior:
    """`features`, `free`: windows to learn from, shapes (windows, len(FEATURES)) and (windows,). The rest has a row for each day that was
    forecast: `said`, what a model that had not seen this recording said of its windows, shape (days, starts, lengths); `values`, what came,
    as in `Trials`; `weekday`, and how many days `ahead` it was forecast."""

    features: np.ndarray
    free: np.ndarray
    said: np.ndarray
    values: np.ndarray
    weekday: np.ndarray
    ahead: np.ndarray

    def windows(self, own_days: float, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(features, free) of as many windows as are left beside a record of so many days."""
        count = round(left(own_days) * len(self.free))
        some = np.sort(chance.choice(len(self.free), count, replace=False))
        return self.features[some].astype(np.float32), self.free[some]


def left(own_days: float) -> float:
    """How much of the prior is left beside a record of so many days: 1 to 0."""
    return min(1.0, max(0.0, 1.0 - own_days / FADED_AFTER))


def save(prior: Prior, path: Path) -> None:
    np.savez_compressed(
        path,
        names=np.array(FEATURES),
        lengths=np.array(LENGTHS),
        features=prior.features.astype(np.float16),
        free=prior.free,
        said=prior.said.astype(np.float16),
        values=prior.values.astype(np.int8),
        weekday=prior.weekday.astype(np.int8),
        ahead=prior.ahead.astype(np.int8),
    )


def load(path: Path) -> Prior:
    """Raises ValueError where the file was made for other features or lengths."""
    with np.load(path) as file:
        if tuple(file["names"]) != FEATURES or tuple(file["lengths"]) != LENGTHS:
            raise ValueError(f"{path.name} was made for other features or lengths of windows: run `make prior`")
        fields = {name: file[name] for name in ("features", "free", "values", "weekday", "ahead")}
        return Prior(said=file["said"].astype(np.float32), **fields)


@lru_cache(maxsize=1)
def shipped() -> Prior:
    """The prior that comes with the program."""
    return load(FILE)
