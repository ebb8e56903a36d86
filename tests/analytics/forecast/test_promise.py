"""The promise: thresholds that would have kept it, and probabilities that the record supports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecast.promise import (
    ADDED_DAYS,
    MIN_DAYS,
    NEVER,
    Promise,
    Trials,
    calibrated,
    lowest_threshold,
    lowest_thresholds,
    promise,
)
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY
from analytics.history.quarter_grid import FREE, NOT_FREE
from analytics.policy.policy import MachinePolicy

SPAN = 5 * 96


def trials(days: int, broken_days: int = 0, said: float = 0.9) -> Trials:
    """Days on which every window is said to be free with the same probability; on some of them the machine was busy."""
    values = np.full((days, SPAN), FREE, dtype=np.int8)
    values[:broken_days] = NOT_FREE
    forecast = np.full((days, STARTS_PER_DAY, len(LENGTHS)), said)
    usable = np.zeros((days, SPAN), dtype=bool)
    usable[:, :96] = True
    age_days = np.linspace(0, 0.001, days)  # one after another, and none has faded
    return Trials(np.zeros(days, dtype=int), age_days, np.ones(days), forecast, values, usable)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.5, 0.7, 0.8, 0.9, 0.99]), st.booleans(), st.floats(0.1, 1)),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([0.02, 0.1, 0.3]),
)
def test_the_threshold_is_the_lowest_that_would_have_kept_the_promise(
    windows: list[tuple[float, bool, float]], rate: float
) -> None:
    said, kept, weights = (np.array(column) for column in zip(*windows, strict=True))
    found = lowest_threshold(said, kept, weights, rate)

    def broken_share(threshold: float) -> float:
        chosen = said >= threshold
        return float((weights * ~kept)[chosen].sum() / weights[chosen].sum()) if chosen.any() else 0.0

    assert broken_share(found) <= rate + 1e-9
    assert all(broken_share(lower) > rate - 1e-9 for lower in set(said.tolist()) if lower < found)


def test_days_that_were_not_seen_count_a_little() -> None:
    """A record without a broken window is believed only as far as its days can tell."""
    for days, rate in ((MIN_DAYS, 0.05), (40, 0.05)):
        least = ADDED_DAYS / (days + ADDED_DAYS)
        found = lowest_thresholds(trials(days), rate)
        assert (found[LENGTHS.index(8)] < NEVER) == (least <= rate)
        assert (lowest_thresholds(trials(days), least / 2) == NEVER).all()
    assert (lowest_thresholds(trials(MIN_DAYS - 1), 0.3) == NEVER).all(), "too few days"
    assert (lowest_thresholds(trials(0), 0.3) == NEVER).all()


def test_days_ahead_of_one_morning_are_one_forecast_of_the_past() -> None:
    """A record is no longer for looking further ahead: nothing is promised any earlier, or said to be any surer."""
    made = trials(3 * (MIN_DAYS - 1))
    week_ahead = replace(made, age_days=np.repeat(np.arange(MIN_DAYS - 1), 3).astype(float))
    assert (lowest_thresholds(week_ahead, 0.3) == NEVER).all()
    known = replace(trials(60), age_days=np.repeat(np.arange(20), 3).astype(float))
    kept = promise(known, ["m"], [MachinePolicy(required_probability=0.5)], 0.1)
    assert kept is not None
    assert kept.days == 20


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_thresholds_never_fall_with_the_length(seed: int) -> None:
    chance = np.random.default_rng(seed)
    made = trials(30)
    made.said[:] = np.sort(chance.random(made.said.shape), axis=-1)[..., ::-1]
    made.values[:] = chance.choice([FREE, NOT_FREE], (30, SPAN // 16), p=[0.9, 0.1]).repeat(16, axis=1)
    assert (np.diff(lowest_thresholds(made, 0.2)) >= 0).all()


def test_record_and_probability_speak_of_the_same_windows() -> None:
    """One day in twenty was busy: its windows are counted once each, and nothing is said to be surer than sixty days can tell."""
    kept = promise(trials(60, 3), ["m"], [MachinePolicy(required_probability=0.5)], 0.1)
    assert kept is not None
    assert kept.days == 60
    assert kept.per_machine["m"].broken / kept.per_machine["m"].checked == pytest.approx(0.05)
    assert kept.probabilities(np.array([0.9]))[0] == pytest.approx(0.94, abs=0.02)
    assert promise(trials(60, 30), ["m"], [MachinePolicy()], 0.1) is None


@pytest.mark.parametrize(("days", "most"), [(10, 0.91), (60, 0.98), (1000, 0.99)])
def test_nothing_is_surer_than_the_record(days: int, most: float) -> None:
    said = Promise(np.zeros(len(LENGTHS)), days=days).probabilities(np.array([0.5, 0.9, 0.99999]))
    assert said.tolist() == [0.5, 0.9, most]


@given(st.floats(-1, 1), st.floats(0.2, 2), st.sampled_from([0.5, 0.75, 0.9]))
def test_what_the_policy_requires_is_what_is_said(shift: float, slope: float, required: float) -> None:
    own = Promise(np.full(len(LENGTHS), 0.1), (shift, slope), days=500)
    least = own.thresholds_from(required)[0]
    assert own.probabilities(np.array([min(1.0, least + 1e-6)]))[0] >= required or least >= 0.9998
    assert (own.thresholds_from(0.995) == NEVER).all(), "five hundred days tell no more than 99 %"


def test_a_forecast_that_cannot_tell_windows_apart_still_promises_what_the_record_supports() -> None:
    """Of the windows that reach their threshold, the likelier ones broke no more rarely: all are as sure as the record says."""
    flat = Promise(np.full(len(LENGTHS), 0.4), (2.2, 0.0), days=500)
    assert flat.probabilities(np.array([0.4, 0.9])).tolist() == [0.9, 0.9]
    assert flat.thresholds_from(0.75).tolist() == [0.4] * len(LENGTHS)
    assert (flat.thresholds_from(0.95) == NEVER).all()


def test_calibration() -> None:
    chance = np.random.default_rng(1)
    forecast = chance.uniform(0.5, 0.99, 20_000)
    logits = np.log(forecast / (1 - forecast))
    kept = chance.random(20_000) < 1 / (1 + np.exp(-(0.4 + 0.6 * logits)))
    assert calibrated(forecast, kept, np.ones(20_000)) == pytest.approx((0.4, 0.6), abs=0.06)
    inverted = np.repeat([0.9, 0.99], 500), np.repeat([True, False], 500), np.ones(1000)
    assert calibrated(*inverted) == pytest.approx((0.0, 0.0)), "half of them were kept, and that is what is said"
    shift, slope = calibrated(forecast[:5], kept[:5], np.ones(5))
    assert abs(shift) < 0.7
    assert 0.6 < slope < 1.6, "five windows change little"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3000), st.floats(0.5, 0.9999), st.floats(0.01, 3))
def test_calibration_fits_what_came_at_least_as_well_as_the_forecast(
    seed: int, count: int, sure: float, weight: float
) -> None:
    """Also where nearly all windows are sure and some surprise: Newton's step alone went astray there, and nothing was promised."""
    chance = np.random.default_rng(seed)
    forecast = np.append(np.full(count, sure), chance.uniform(0, 1, 5))
    kept = chance.random(len(forecast)) < chance.choice([0.02, 0.5, 0.9, 1.0])
    weights = np.full(len(forecast), weight)
    shift, slope = calibrated(forecast, kept, weights)
    logits = np.log(np.clip(forecast, 1e-4, 1 - 1e-4) / (1 - np.clip(forecast, 1e-4, 1 - 1e-4)))

    def loss(constant: float, factor: float) -> float:
        return float((weights * np.logaddexp(0.0, np.where(kept, -1, 1) * (constant + factor * logits))).sum())

    assert np.isfinite([shift, slope]).all()
    assert loss(shift, slope) <= loss(0.0, 1.0) + 1e-6 or slope == 0.0
