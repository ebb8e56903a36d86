"""What leaves the factory tells no more of a figure than epsilon says: computed exactly from the sampler's own probabilities, and by somebody who sees all of it."""

from __future__ import annotations

import json
import math
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.comparison.contribution import (
    EPSILON_FIGURE,
    EPSILON_MONTH,
    EPSILON_YEAR,
    FIGURES,
    REASONS,
    contribution,
    points_of,
)
from analytics.comparison.noise import HIGHEST, KEPT, LOWEST, OF, epsilon_of, noise, with_noise

A = Fraction(KEPT, OF)


def chance_of_noise(amount: int) -> Fraction:
    """The difference of two geometric numbers."""
    return (1 - A) / (1 + A) * A ** abs(amount)


def chance_of(sent: int, points: int) -> Fraction:
    """That a figure is sent so, its cut ends included."""
    if LOWEST < sent < HIGHEST:
        return chance_of_noise(sent - points)
    return A ** abs(sent - points) / (1 + A)


def drawn(coins: Sequence[int]) -> tuple[int, int]:
    """(the noise, how many numbers it took) where these are drawn; StopIteration where they do not suffice."""
    left: Iterator[int] = iter(coins)
    taken = 0

    def below(bound: int) -> int:
        nonlocal taken
        assert bound == OF
        taken += 1
        return next(left)

    return noise(below), taken


@pytest.mark.parametrize("ups", range(4))
@pytest.mark.parametrize("downs", range(4))
def test_the_noise_is_the_difference_of_two_geometric_numbers(ups: int, downs: int) -> None:
    """Each number drawn goes on with a probability of 24 in 25, which are whole numbers below 24: nothing is rounded."""
    for last_on in (0, KEPT - 1):
        assert drawn([last_on] * ups + [KEPT] + [last_on] * downs + [OF - 1]) == (ups - downs, ups + downs + 2)


@pytest.mark.long
def test_its_probabilities_are_those_that_epsilon_is_computed_from() -> None:
    random = Random(1)
    count = 4_000
    seen = Counter(noise(random.randrange) for _ in range(count))
    for amount in (-40, -10, -1, 0, 1, 10, 40):
        expected = float(chance_of_noise(amount)) * count
        assert seen[amount] == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert abs(sum(amount * times for amount, times in seen.items()) / count) < 4 * 34.7 / math.sqrt(count)
    assert whole_of([chance_of_noise(amount) for amount in range(-4000, 4001)]) > 1 - Fraction(1, 10**60)


def whole_of(chances: list[Fraction]) -> Fraction:
    """Their sum, and less where they have no common denominator among them: to add fractions of twenty thousand digits one by one takes seconds."""
    common = max(one.denominator for one in chances)
    return Fraction(sum(one.numerator * (common // one.denominator) for one in chances), common)


def test_random_numbers_are_those_of_the_operating_system() -> None:
    assert noise.__defaults__ == (secrets.randbelow,)
    assert contribution.__defaults__ == (secrets.randbelow,)


@given(
    st.integers(0, 100),
    st.integers(0, 100),
    st.one_of(st.integers(LOWEST, HIGHEST), st.sampled_from([LOWEST, HIGHEST])),
)
def test_whatever_the_operator_sees_of_a_figure_it_is_hardly_more_probable_with_one_value_than_with_another(
    one: int, other: int, sent: int
) -> None:
    """The bound holds to the last digit, not nearly: probabilities are fractions."""
    ratio = chance_of(sent, one) / chance_of(sent, other)
    assert ratio <= A ** -abs(one - other)
    assert math.log(A ** -abs(one - other)) == pytest.approx(epsilon_of(abs(one - other)))


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_the_reasons_together_cost_what_is_said(one: list[float], other: list[float]) -> None:
    """Parts of one whole: however it is shared out, no more than 200 points change."""
    either = [[points_of(part / max(1.0, sum(parts))) for part in parts] for parts in (one, other)]
    assert all(sum(points) <= 100 for points in either)
    assert epsilon_of(sum(abs(a - b) for a, b in zip(*either, strict=True))) <= epsilon_of(200)
    assert pytest.approx(4 * EPSILON_FIGURE + epsilon_of(200)) == EPSILON_MONTH
    assert pytest.approx(4 * EPSILON_MONTH) == EPSILON_YEAR


def test_epsilon_is_what_the_decision_says() -> None:
    assert (round(EPSILON_FIGURE, 1), round(EPSILON_MONTH, 1), round(EPSILON_YEAR)) == (4.1, 24.5, 98)


@pytest.mark.long
def test_an_operator_who_sees_a_year_of_contributions_guesses_hardly_better_than_that() -> None:
    """Who has to say which of two factories 25 points apart has sent four figures is right no more often than a ratio of e^4.1 allows, and with ten points as often as not."""
    random = Random(7)

    def right(apart: int, months: int) -> float:
        tries, good = 3000, 0
        for _ in range(tries):
            truth = random.randrange(2)
            sent = [with_noise(40 + apart * truth, random.randrange) for _ in range(months)]
            closer = sum(abs(one - 40) - abs(one - 40 - apart) for one in sent) > 0
            good += closer == bool(truth)
        return good / tries

    for apart, months in ((5, 1), (25, 1), (25, 4), (10, 4)):
        most = math.exp(epsilon_of(apart) * months)
        assert right(apart, months) <= most / (1 + most) + 0.03
    assert right(5, 1) < 0.6
    assert right(10, 4) < 0.7


def test_a_contribution_is_the_figures_that_are_named_and_nothing_else() -> None:
    shares: dict[str, float | None] = {**dict.fromkeys(FIGURES, 0.1), "energy_while_idle": None, "availability": 0.75}
    body = contribution("2026-02", 3, shares, lambda bound: bound - 1)  # no noise
    assert json.loads(body) == {
        "month": "2026-02",
        "process_class": 3,
        "figures": {"availability": 75, "utilization_efficiency": 10, "setup_ratio": 10, "energy_while_idle": None}
        | dict.fromkeys(REASONS, 10),
    }
    assert body.endswith(b"}\n")
    assert len({contribution("2026-02", 3, shares) for _ in range(20)}) == 20, "each has a noise of its own"
