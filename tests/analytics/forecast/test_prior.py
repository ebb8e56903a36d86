"""What a factory that has just begun is taught: by public recordings, and less and less."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from analytics.executors import InlineExecutor
from analytics.forecast.prior import FADED_AFTER, WEIGHT_DAYS, Prior, left, load, save, shipped
from analytics.forecast.spare_capacity import MIN_KNOWN
from analytics.forecast.window_model import WindowModel
from analytics.forecast.window_shares import FEATURES, LENGTHS, STARTS_PER_DAY
from analytics.forecast.window_trials import Teachers, learnt
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, QuarterGrid
from analytics.policy.policy import QUARTER, Policy, parse_offered_hours
from benchmarks import prior as learning

MONDAY = date(2026, 1, 5)
POLICY = Policy(
    zone="UTC", holidays="", notice=timedelta(0), minimum_slot=timedelta(hours=2), horizon=timedelta(days=3)
)
NEED = MIN_KNOWN // QUARTER


def one_shift(days: int, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    values = np.full((days, QUARTERS_PER_DAY), FREE, dtype=np.int8)
    for day in range(days):
        if day % 7 < 5 and chance.random() < 0.9:
            values[day, 24 : 24 + chance.integers(28, 44)] = NOT_FREE
    return values.ravel()


def teachers(days: int, machines: int = 1, policy: Policy = POLICY) -> Teachers:
    grids = {f"m{number}": QuarterGrid(one_shift(days, number), MONDAY, "UTC") for number in range(machines)}
    return Teachers.of(grids, days * QUARTERS_PER_DAY, policy)


def test_the_shipped_prior_is_of_these_features_and_says_what_can_be_learnt_from() -> None:
    prior = shipped()
    assert prior.features.shape == (len(prior.free), len(FEATURES))
    assert prior.said.shape[1:] == (STARTS_PER_DAY, len(LENGTHS))
    assert (np.diff(prior.said, axis=-1) <= 0).all(), "longer windows are never likelier"
    assert 0.2 < prior.free.mean() < 0.8
    assert set(np.unique(prior.weekday)) == set(range(7))


def test_a_prior_made_for_other_features_is_refused(tmp_path: Path) -> None:
    save(shipped(), tmp_path / "prior.npz")
    assert np.array_equal(load(tmp_path / "prior.npz").free, shipped().free)
    with np.load(tmp_path / "prior.npz") as file:
        fields = dict(file)
    fields["names"] = fields["names"][:-1]
    np.savez_compressed(tmp_path / "old.npz", **fields)
    with pytest.raises(ValueError, match="make prior"):
        load(tmp_path / "old.npz")


def test_it_fades_as_the_factory_s_own_record_grows() -> None:
    chance = np.random.default_rng(0)
    counts = [len(shipped().windows(days, chance)[1]) for days in (0, 20, 40, FADED_AFTER, 500)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(shipped().free)
    assert counts[-2:] == [0, 0]
    assert [left(days) for days in (-5, 0, FADED_AFTER / 2, FADED_AFTER)] == [1, 1, 0.5, 0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("days", "machines", "horizon", "own_days"),
    [(14, 1, 3, 7), (14, 1, 1, 7), (14, 1, 7, 7), (28, 1, 3, 21), (14, 4, 3, 28), (90, 1, 3, None), (45, 4, 3, None)],
)
def test_it_counts_as_days_that_become_fewer(days: int, machines: int, horizon: int, own_days: int | None) -> None:
    policy = POLICY.model_copy(update={"horizon": timedelta(days=horizon)})
    known = teachers(days, machines)
    model, trials = learnt(known, days * QUARTERS_PER_DAY, policy, NEED, InlineExecutor(), (0,), prior=shipped())
    assert isinstance(model, WindowModel)
    assert model.young == (own_days is not None)
    if own_days is None:
        assert trials.borrowed == 0
        return
    borrowed = ~trials.own(np.arange(len(trials)))
    assert trials.borrowed == borrowed.sum() > 0
    assert trials.borrowed_days == pytest.approx(WEIGHT_DAYS * left(own_days))
    own = np.unique(np.column_stack([trials.machine, trials.age_days])[~borrowed], axis=0)
    assert len(own) == own_days
    # However far ahead is looked: each of their days, and each of the factory's own, stands for the whole horizon.
    assert trials.weight[borrowed].sum() / trials.borrowed_days == pytest.approx(
        trials.weight[~borrowed].sum() / own_days
    )


@pytest.mark.long
def test_borrowed_days_keep_the_factory_s_hours() -> None:
    """A machine that is offered on Saturdays alone borrows Saturdays."""
    policy = POLICY.model_copy(update={"offered": (parse_offered_hours("sat 00:00-24:00"),)})
    known = teachers(14, 1, policy)
    _, trials = learnt(known, 14 * QUARTERS_PER_DAY, policy, NEED, InlineExecutor(), (0,), prior=shipped())
    usable = trials.usable[-trials.borrowed :, :QUARTERS_PER_DAY].any(axis=1)
    weekday = shipped().weekday[shipped().ahead < 3]
    assert usable.any()
    assert set(weekday[usable]) == {5}


@pytest.mark.long
def test_it_is_learnt_from_recordings_and_forecasts_those_it_has_not_seen(tmp_path: Path) -> None:
    recordings = [
        [
            learning.Young(one_shift(90, seed)[begin * QUARTERS_PER_DAY :], np.zeros(90, dtype=int), np.arange(90) % 7)
            for begin in (0, 7, 14, 21)
        ]
        for seed in (1, 2)
    ]
    prior = learning.learnt(recordings)
    assert len(prior.said) == 2 * 4 * 3 * len(learning.FORECAST_ON)
    assert prior.free.any()
    assert not prior.free.all()
    noon = prior.said[prior.weekday < 5][:, 20, LENGTHS.index(8)]
    night = prior.said[prior.weekday < 5][:, 44, LENGTHS.index(8)]
    assert noon.mean() < 0.4 < night.mean()
    save(prior, tmp_path / "prior.npz")
    assert isinstance(load(tmp_path / "prior.npz"), Prior)
