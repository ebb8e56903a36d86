"""Hours of spells per bin, for all machines at once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.history.time_bins import TimeBins


def frame(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    """Times in hours since 1970."""
    whole = pd.DataFrame(rows, columns=["machine", "start", "end"])
    return whole.assign(**{name: pd.to_datetime(whole[name] * 3600, unit="s", utc=True) for name in ("start", "end")})


AXIS = TimeBins(["a", "b"], np.array([0.0, 1.0, 2.0, 3.0]) * 3600)


def test_a_spell_is_split_over_its_bins_and_cut_to_them() -> None:
    spells = frame([("a", 0.5, 1.25), ("a", 2.5, 9.0), ("b", -3.0, 0.25)])
    assert AXIS.hours(spells).tolist() == [[0.5, 0.25, 0.5], [0.25, 0.0, 0.0]]


def test_union_and_difference() -> None:
    one, other = frame([("a", 0.0, 1.5), ("b", 1.0, 2.0)]), frame([("a", 1.0, 2.0)])
    assert AXIS.hours_of_union(one, other).tolist() == [[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    assert AXIS.hours_outside(one, other).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_empty_spells_give_zero_hours() -> None:
    assert AXIS.hours(frame([])).tolist() == [[0.0] * 3] * 2
