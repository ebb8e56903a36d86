"""Quartiles of noisy figures: how far they lie from the true ones, and that none is the figure of one factory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.comparison.noise import KEPT, OF
from sharing_platform.comparison.quartiles import (
    LEAST,
    NOISE_VARIANCE,
    STEP,
    Contribution,
    Quartiles,
    _weights,
    quartiles,
    strays,
)

TRIES = 300
ERRORS = {  # (factories, months): the mean error of lower quartile, median and upper quartile, in points
    (5, 1): 16, (5, 4): 10, (20, 1): 9, (20, 4): 6, (60, 1): 6.5, (60, 4): 4,
}  # fmt: skip
"""What decision 76 says."""


def of(*means: float, months: int = 4) -> Quartiles | None:
    return quartiles([Contribution(mean, months) for mean in means])


def test_the_platform_knows_the_noise_that_factories_add() -> None:
    a = KEPT / OF
    assert pytest.approx(2 * a / (1 - a) ** 2) == NOISE_VARIANCE


@pytest.mark.parametrize(("size", "most"), ERRORS.items(), ids=str)
def test_quartiles_lie_as_near_to_the_true_ones_as_the_page_says(size: tuple[int, int], most: float) -> None:
    """Simulated: factories whose availability differs by 17 points (standard deviation), as many months each."""
    factories, months = size
    random = np.random.default_rng(1)
    errors, claimed = [], 0
    for _ in range(TRIES):
        true = random.beta(4, 3, factories) * 100
        noise = (random.geometric(1 - KEPT / OF, (2, months, factories)) * np.array([1, -1])[:, None, None]).sum(0)
        found = of(*np.floor(true) + noise.mean(0), months=months)
        assert found is not None
        claimed = found.within
        errors.append(np.abs(np.array([found.lower, found.median, found.upper]) - np.quantile(true, [0.25, 0.5, 0.75])))
    assert np.mean(errors, axis=0).max() <= most
    # Nine in ten; the lower bound leaves room for chance in so few tries and for the rounding.
    assert (np.array(errors) <= claimed + STEP / 2).mean(0).min() >= 0.87
    assert np.mean(errors) > most / 3, "what is said is not far too much either"


@given(st.lists(st.integers(-300, 400), max_size=LEAST - 1))
def test_of_fewer_than_five_nothing_is_said(means: list[int]) -> None:
    assert of(*means) is None


@given(st.lists(st.integers(-1000, 1100), min_size=LEAST, max_size=80), st.integers(1, 4))
def test_quartiles_are_in_order_and_in_steps(means: list[int], months: int) -> None:
    found = of(*means, months=months)
    assert found is not None
    assert 0 <= found.lower <= found.median <= found.upper <= 100
    assert {found.lower % STEP, found.median % STEP, found.upper % STEP, found.within % STEP} == {0}
    assert found == of(*reversed(means), months=months)


@pytest.mark.parametrize("count", [5, 6, 7, 20, 300])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_no_quartile_is_the_figure_of_one_factory(count: int, share: float) -> None:
    weights = _weights(count, share)
    assert sum(weights) == pytest.approx(1)
    assert max(weights) < 0.5
    assert min(weights) >= 0
    middle = sum(weight * (place + 0.5) for place, weight in enumerate(weights)) / count
    assert middle == pytest.approx(share, abs=0.05)
    assert _weights(count, 1 - share) == pytest.approx(weights[::-1])


def test_more_months_stray_less() -> None:
    assert [strays(months) for months in (1, 4)] == [57, 28]
    within = {count: found.within for count in (5, 9, 10, 60) if (found := of(*range(count))) is not None}
    assert within[5] == within[9], "how many factories they are is told but roughly"
    assert within[60] < within[10] < within[5]
