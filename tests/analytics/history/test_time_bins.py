"""Hours of spells per bin, for all machines at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.history.time_bins import TimeBins


def frame(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    """Times in hours since 1970."""
    whole = pd.DataFrame(rows, columns=["machine", "start", "end"])
    return whole.assign(**{name: pd.to_datetime(whole[name] * 3600, unit="s", utc=True) for name in ("start", "end")})


AXIS = TimeBins(["a", "b"], np.array([0.0, 1.0, 2.0, 3.0]) * 3600)


def test_a_spell_is_split_over_its_bins_and_cut_to_them() -> None:
    spells = frame([("a", 0.5, 1.25), ("a", 2.5, 9.0), ("b", -3.0, 0.25)])
    assert AXIS.hours(spells).tolist() == [[0.5, 0.25, 0.5], [0.25, 0.0, 0.0]]


def test_difference() -> None:
    one, other = frame([("a", 0.0, 1.5), ("b", 1.0, 2.0)]), frame([("a", 1.0, 2.0)])
    assert AXIS.hours_outside(one, other).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_empty_spells_give_zero_hours() -> None:
    assert AXIS.hours(frame([])).tolist() == [[0.0] * 3] * 2


MINUTES = st.lists(st.booleans(), min_size=240, max_size=240)
"""Of four hours from one hour before the bins on: which minutes are covered."""


def spells_of(minutes: dict[str, list[bool]]) -> pd.DataFrame:
    turns = {name: np.flatnonzero(np.diff([0, *map(int, covered), 0])) / 60 - 1 for name, covered in minutes.items()}
    return frame([(name, *turn) for name, own in turns.items() for turn in zip(own[::2], own[1::2], strict=True)])


@pytest.mark.long
@given(MINUTES, MINUTES, MINUTES, MINUTES)
def test_hours_are_those_of_the_minutes(a: list[bool], b: list[bool], c: list[bool], d: list[bool]) -> None:
    first, second = spells_of({"a": a, "b": b}), spells_of({"a": c, "b": d})
    one, other = np.array([a, b])[:, 60:], np.array([c, d])[:, 60:]
    for found, covered in (
        (AXIS.hours(first), one),
        (AXIS.hours_outside(first, second), one & ~other),
    ):
        assert found == pytest.approx(covered.reshape(2, 3, 60).sum(axis=2) / 60, abs=1e-9)
