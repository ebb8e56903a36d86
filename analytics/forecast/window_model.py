"""The probability that a window is free throughout, learnt directly from windows of the past.

A regularised logistic model and small trees, averaged: one machine's year is a small sample, in which trees without constraints do worse
than counting. In the trees, a window whose like were free more often is never less likely to be free; the logistic model is not held to
that, so `never_growing` keeps the order of the windows. Measured in decision 20.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analytics.forecast.one_thread import one_thread
from analytics.forecast.window_shares import FEATURES, SHARES, Origin, PastWindows

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

MIN_ROWS = 1_000
SEED = 20_260

_SHARE_COLUMNS = len(SHARES)
_LINEAR_COLUMNS = [
    place for place, name in enumerate(FEATURES) if place >= _SHARE_COLUMNS and name not in ("start", "days ahead")
]
_LEAST_SHARE = 0.004
"""Shares are cut off here before the logit is taken: the most that a year of days can tell."""
_HOPELESS = 0.05
"""What the logistic model gives less is left at that: nobody will be promised it, and the trees are what takes time."""
_WHOLE_RECORD = SHARES.index("like days, 60 days")
"""From tomorrow on a young record is believed no further: in some weeks a standstill, or a free Sunday, looks like a habit (decision 23)."""
_AHEAD, _TOMORROW = FEATURES.index("days ahead"), float(np.log1p(0.99))
_SMALLEST_LEAF = 0.006
"""Share of all rows: windows that overlap are no independent evidence."""


class WindowModel:
    """Fitted to windows of all machines of a factory. `young`: the factory's record is short, and the model knows others as well."""

    def __init__(self, linear: LogisticRegression, trees: HistGradientBoostingClassifier, young: bool) -> None:
        self._linear, self._trees, self.young = linear, trees, young

    @classmethod
    def fit(cls, features: np.ndarray, free: np.ndarray, young: bool = False) -> WindowModel | None:
        """`features`: shape (windows, len(FEATURES)); `free`: which of them were free throughout. None where there is too little to learn
        from."""
        if len(free) < MIN_ROWS or len(np.unique(free)) < 2:
            return None
        # scikit-learn takes a second to load, which a server that has nothing to forecast yet can do without.
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression

        trees = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=max(20, int(_SMALLEST_LEAF * len(free))),
            l2_regularization=10.0, monotonic_cst=[1] * _SHARE_COLUMNS + [0] * (len(FEATURES) - _SHARE_COLUMNS),
            early_stopping=False, random_state=SEED,
        )  # fmt: skip
        linear = LogisticRegression(C=0.002, max_iter=200)
        with one_thread():
            return cls(
                linear.fit(_linear_features(features), free),
                trees.fit(features, free),
                young,
            )

    def of_day(self, past: PastWindows, origin: Origin, day: int, features: np.ndarray) -> np.ndarray:
        """The probabilities of the windows of a day: shape (machines, starts, lengths)."""
        return self.probabilities(features)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """`features`: shape (…, len(FEATURES)). The probabilities have the shape before the last axis."""
        rows = features.reshape(-1, features.shape[-1])
        with one_thread():
            found = self._linear.predict_proba(_linear_features(rows))[:, 1]
            likely = np.flatnonzero(found >= _HOPELESS)
            if len(likely):
                found[likely] = (found[likely] + self._trees.predict_proba(rows[likely])[:, 1]) / 2
        if self.young:
            found = np.where(rows[:, _AHEAD] >= _TOMORROW, np.minimum(found, rows[:, _WHOLE_RECORD]), found)
        return np.asarray(found).reshape(features.shape[:-1])


def _linear_features(features: np.ndarray) -> np.ndarray:
    shares = np.clip(features[:, :_SHARE_COLUMNS], _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.concatenate([np.log(shares / (1 - shares)), features[:, _LINEAR_COLUMNS]], axis=1)


def never_growing(probabilities: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The probabilities, lowered where a window would be likelier than one inside it.

    `probabilities`: shape (…, starts, lengths), starts on successive half hours. `lengths`: in quarter hours, ascending and even.
    """
    found = np.array(probabilities, dtype=float)
    for place in range(1, len(lengths)):
        reach = (lengths[place] - lengths[place - 1]) // 2
        inner = found[..., place - 1]
        padding = [(0, 0)] * (inner.ndim - 1) + [(0, reach)]
        padded = np.pad(inner, padding, constant_values=1.0)
        least = np.lib.stride_tricks.sliding_window_view(padded, reach + 1, axis=-1).min(axis=-1)
        found[..., place] = np.minimum(found[..., place], least)
    return found
