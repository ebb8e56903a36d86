"""The forecast of windows on recorded machines, day by day: `make bench-windows RECORDINGS='steel.csv:KR toolmaker.csv:DE'`.

A recording is a CSV file as `vrijloop spare` reads it, after a first line `# zone=Europe/Berlin` with its local time; the country after the
colon is that of its public holidays. Each day's windows are forecast at the midnight at which the day (or, with --ahead 6, the seventh day) begins, by a model
fitted every four weeks to what had ended by then. Beside it the baseline: the share of the last eight such weekdays in which the whole
window was free. Bookable is a window whose probability reaches the lowest threshold that would have kept the promise in the weeks before.
Prints JSON: per length the Brier score, and which share of the bookable windows was kept and of the free ones found.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from analytics.forecast.window_model import WindowModel
from analytics.forecast.window_shares import STARTS_PER_DAY, Origin, PastWindows
from analytics.history.csv_file import read_history
from analytics.history.day_kinds import day_kinds
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, UNKNOWN
from analytics.history.snapshot import snapshot_at
from analytics.policy.policy import Policy
from benchmarks.machine import described

LENGTHS = (2, 8, 16, 32)
"""The first is for the features; two, four and eight hours are counted."""
WARM_DAYS = 13 * 7
FIRST_FIT, REFIT = 8 * 7, 28
ROWS, FADING_DAYS = 30_000, 200.0
RECENT_DAYS = 40.0
"""Half-life of the days on which the threshold is chosen."""


@dataclass(frozen=True)
class Days:
    """One row for each day forecast: what was known of its windows, what became of them (NaN unknown), and the baseline."""

    origins: np.ndarray
    features: np.ndarray
    free: np.ndarray
    baseline: np.ndarray


def recorded(path: Path, country: str, ahead: int) -> list[Days]:
    """One for each machine of a recording."""
    head, _, rows = path.read_text().partition("\n")
    zone = head.partition("zone=")[2].strip() or "UTC"
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(rows)
        file.flush()
        history = read_history(Path(file.name))
    policy = Policy(zone=zone, holidays="")
    grids = snapshot_at(history, history["until"].max().to_pydatetime(), policy).grids
    return [_days(grid.values, grid.first_day, country, ahead) for grid in grids.values()]


def _days(values: np.ndarray, first_day: date, country: str, ahead: int) -> Days:
    days = len(values) // QUARTERS_PER_DAY
    kinds = day_kinds(first_day, days, country)
    weekdays = (np.arange(days) + first_day.weekday()) % 7
    past = PastWindows(values[None, : days * QUARTERS_PER_DAY], kinds, weekdays, LENGTHS)
    states = np.stack([past.outcomes(day)[0, :, 1:] for day in range(days)])
    free = np.where(states == UNKNOWN, np.nan, states == FREE)
    origins, features, baseline = [], [], []
    for origin in range(14, days - ahead):
        ((day, seen),) = past.looking_ahead(Origin(origin), [origin + ahead])
        weeks = [day - 7 * back for back in range(1, 60) if 0 <= day - 7 * back < origin][:8]
        origins.append(origin)
        features.append(seen[0, :, 1:])
        baseline.append(np.nan_to_num(np.nanmean(free[weeks], axis=0)))
    at = np.array(origins)
    return Days(at, np.stack(features), free[at + ahead], np.stack(baseline))


def forecast(days: Days, ahead: int) -> np.ndarray:
    """The probability of every window, from a model that knew nothing of what came after: shape (days, starts, lengths)."""
    found = np.full(days.free.shape, np.nan)
    chance = np.random.default_rng(0)
    inside = within_the_day() & ~np.isnan(days.free)
    for begin in range(FIRST_FIT, int(days.origins[-1]) + 1, REFIT):
        known = (days.origins < begin - ahead) & (days.origins >= 21)
        rows = np.flatnonzero(inside[known])
        rows = chance.choice(rows, ROWS, replace=False) if len(rows) > ROWS else rows
        age = begin - np.broadcast_to(days.origins[known][:, None, None], inside[known].shape).ravel()[rows]
        seen = days.features[known].reshape(-1, days.features.shape[-1])[rows]
        model = WindowModel.fit(seen, days.free[known].ravel()[rows] == 1, np.exp2(-age / FADING_DAYS))
        coming = (days.origins >= begin) & (days.origins < begin + REFIT)
        if model is not None:
            found[coming] = model.probabilities(days.features[coming])
    return found


def within_the_day() -> np.ndarray:
    return np.asarray(np.arange(STARTS_PER_DAY)[:, None] * 2 + np.array(LENGTHS[1:])[None, :] <= QUARTERS_PER_DAY)


def bookable(probabilities: np.ndarray, days: Days, ahead: int, rate: float) -> np.ndarray:
    """Which windows reach the threshold that would have kept the promise in the weeks before: shape (days, starts, lengths)."""
    found = np.zeros(days.free.shape, dtype=bool)
    inside = within_the_day()
    for row, origin in enumerate(days.origins):
        if origin < WARM_DAYS:
            continue
        before = np.flatnonzero(days.origins < origin - ahead)
        weights = np.exp2(-(origin - days.origins[before]) / RECENT_DAYS)
        for place in range(len(LENGTHS) - 1):
            starts = inside[:, place]
            said, came = probabilities[before][:, starts, place].ravel(), days.free[before][:, starts, place].ravel()
            known = ~np.isnan(said) & ~np.isnan(came)
            weight = np.repeat(weights, starts.sum())[known]
            threshold = lowest_threshold(said[known], came[known], weight, rate)
            found[row, :, place] = starts & (probabilities[row, :, place] >= threshold)
    return found


def lowest_threshold(said: np.ndarray, came: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """The lowest probability from which on at most `rate` of the windows were broken; 2 if there is none."""
    order = np.argsort(-said, kind="stable")
    broken, asked = np.cumsum((weights * (1 - came))[order]), np.cumsum(weights[order])
    last_of_its_value = np.append(said[order][1:] != said[order][:-1], True)
    fit = np.flatnonzero((broken <= rate * asked) & last_of_its_value)
    return float(said[order][fit[-1]]) if len(fit) else 2.0


def scores(probabilities: np.ndarray, days: Days, ahead: int, rate: float) -> dict[str, dict[str, float | None]]:
    chosen = bookable(probabilities, days, ahead, rate)
    counted = within_the_day() & ~np.isnan(days.free) & (days.origins >= WARM_DAYS)[:, None, None]
    report: dict[str, dict[str, float | None]] = {}
    for place, length in enumerate(LENGTHS[1:]):
        known = counted[:, :, place]
        said, came, offered = (values[:, :, place][known] for values in (probabilities, days.free, chosen))
        kept = float((offered & (came == 1)).sum())
        report[f"{length // 4}h"] = {
            "brier": round(float(np.mean((said - came) ** 2)), 4),
            "kept": round(kept / offered.sum(), 3) if offered.any() else None,
            "found": round(kept / max(1.0, float((came == 1).sum())), 3),
        }
    return report


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("recordings", nargs="+", metavar="FILE[:COUNTRY]")
    options.add_argument("--ahead", type=int, default=0, help="days between the origin and the day forecast")
    options.add_argument("--rate", type=float, default=0.05, help="largest share of broken promises")
    chosen = options.parse_args()
    results = {}
    for recording in chosen.recordings:
        file, _, country = recording.partition(":")
        path = Path(file)
        for number, days in enumerate(recorded(path, country, chosen.ahead)):
            name = path.stem if not number else f"{path.stem}-{number + 1}"
            results[name] = {
                "windows": scores(forecast(days, chosen.ahead), days, chosen.ahead, chosen.rate),
                "baseline": scores(days.baseline, days, chosen.ahead, chosen.rate),
            }
    print(json.dumps({**described(), "ahead_days": chosen.ahead, "rate": chosen.rate, "results": results}, indent=2))


if __name__ == "__main__":
    main()
