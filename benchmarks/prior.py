"""Learns the prior that new factories begin with from public recordings: `make prior RECORDINGS='steel.csv toolmaker.csv'`.

RECORDING as for `benchmarks.windows`. From each, young histories are cut that begin every thirteen days. Windows of the days ahead are
sampled from them to learn from; and single days are forecast by a model that was fitted to the other recordings, as a new factory will be. With
one recording alone, its first half is learnt from and its second half is forecast.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from analytics.forecast.prior import FILE, Prior, save
from analytics.forecast.window_model import SEED, WindowModel, never_growing
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY, Origin, PastWindows
from analytics.forecast.window_trials import calendar
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, UNKNOWN, running_counts
from analytics.history.snapshot import snapshot_at
from analytics.policy.policy import Policy
from benchmarks.windows import recorded

BEGIN_EVERY = 13
"""Days from one young history to the next: all weekdays take their turn."""
OLDEST = 42
"""Days that a young history lasts."""
LEARNT_FROM = 7
FORECAST_ON = (14, 21, 28)
WINDOWS_PER_DAY = 3
REACH = 5 * QUARTERS_PER_DAY


@dataclass(frozen=True)
class Young:
    """A history that has just begun. `come`: the quarters from its first day on, as far as they are recorded."""

    come: np.ndarray
    kinds: np.ndarray
    weekdays: np.ndarray

    def ahead(self, day: int) -> list[int]:
        return [0, 1, 2 + day % 5]

    def origins(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """(origin's day, day ahead, features of its windows)."""
        past = PastWindows(self.come[None, : OLDEST * QUARTERS_PER_DAY], self.kinds, self.weekdays)
        for day in range(LEARNT_FROM, OLDEST):
            for on_day, seen in past.looking_ahead(Origin(day), [day + more for more in self.ahead(day)]):
                yield day, on_day, seen[0]

    def came(self, day: int) -> np.ndarray:
        begin = day * QUARTERS_PER_DAY
        values = np.full(REACH, UNKNOWN, dtype=np.int8)
        known = self.come[begin : begin + REACH]
        values[: len(known)] = known
        return values


def young_histories(path: Path) -> list[Young]:
    history, zone = recorded(path)
    policy = Policy(zone=zone, notice=timedelta(0), max_silence=timedelta(days=36500))
    snapshot = snapshot_at(history, history["until"].max().to_pydatetime(), policy)
    found = []
    for grid in snapshot.grids.values():
        days = len(grid.values) // QUARTERS_PER_DAY
        for begin in range(0, days - OLDEST - 7, BEGIN_EVERY):
            kinds, weekdays = calendar(grid.first_day + timedelta(days=begin), OLDEST + 20, policy)
            found.append(Young(grid.values[begin * QUARTERS_PER_DAY :], kinds, weekdays))
    return found


def windows(young: Young, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(features, free) of some windows of each day ahead."""
    begin, lengths = 2 * np.arange(STARTS_PER_DAY)[:, None], np.array(LENGTHS)[None, :]
    features, free = [], []
    for _, on_day, seen in young.origins():
        values = young.came(on_day)
        busy, unknown = running_counts(np.stack([values != FREE, values == UNKNOWN]))
        able = np.flatnonzero(unknown[begin + lengths] == unknown[begin])
        chosen = chance.choice(able, min(WINDOWS_PER_DAY, len(able)), replace=False)
        features.append(seen.reshape(-1, seen.shape[-1])[chosen])
        free.append((busy[begin + lengths] == busy[begin]).ravel()[chosen])
    return np.concatenate(features), np.concatenate(free)


def forecasts(young: Young, model: WindowModel) -> Iterator[tuple[np.ndarray, np.ndarray, int, int]]:
    """(said, values, weekday, days ahead) of the days ahead of some origins."""
    for day, on_day, seen in young.origins():
        if day in FORECAST_ON:
            said = never_growing(model.probabilities(seen[None]), LENGTHS)[0]
            yield said, young.came(on_day), int(young.weekdays[on_day]), on_day - day


def learnt(recordings: list[list[Young]]) -> Prior:
    if len(recordings) == 1:
        (only,) = recordings
        half = len(only) // 2
        parts = [(only[:half], only[half + OLDEST // BEGIN_EVERY :])]
    else:
        parts = [
            ([young for other in recordings if other is not recording for young in other], recording)
            for recording in recordings
        ]
    chance = np.random.default_rng(SEED)
    rows = []
    for known, unseen in parts:
        some = [windows(young, chance) for young in known]
        features, free = (np.concatenate(columns) for columns in zip(*some, strict=True))
        model = WindowModel.fit(features, free, young=True)
        if model is None:
            raise ValueError("the recordings are too short to learn from")
        rows += [row for young in unseen for row in forecasts(young, model)]
    every = [windows(young, chance) for recording in recordings for young in recording]
    features, free = (np.concatenate(columns) for columns in zip(*every, strict=True))
    said, values, weekday, ahead = (np.array(columns) for columns in zip(*rows, strict=True))
    return Prior(features, free, said, values, weekday, ahead)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("recordings", nargs="+", type=Path)
    options.add_argument("--to", type=Path, default=FILE)
    chosen = options.parse_args()
    prior = learnt([young_histories(path) for path in chosen.recordings])
    save(prior, chosen.to)
    print(f"{chosen.to}: {len(prior.free)} windows and {len(prior.said)} days that were forecast, "
          f"{chosen.to.stat().st_size / 1024:.0f} KiB")  # fmt: skip


if __name__ == "__main__":
    main()
