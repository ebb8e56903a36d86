"""How much better the same evening is forecast later in the day: `make bench-time-of-day RECORDINGS='steel.csv toolmaker.csv'`.

RECORDING as for `benchmarks.windows`. In the last half year of each, windows of two and four hours between 16:00 and 24:00 are forecast from
what was known at several hours of the same day, with models fitted for that hour that knew nothing of what came later. Prints JSON: the mean
squared error of the probabilities (Brier score).
"""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from analytics.executors import InlineExecutor
from analytics.forecast.spare_capacity import MIN_KNOWN
from analytics.forecast.window_shares import LENGTHS
from analytics.forecast.window_trials import Teachers, learnt
from analytics.history.snapshot import snapshot_at
from analytics.policy.policy import QUARTER, Policy
from benchmarks.machine import described
from benchmarks.windows import recorded

HOURS = (0, 6, 12, 15)
EVENING = (16, 24)
ASKED = (2, 4)


def scores(path: Path) -> dict[str, Any]:
    """Brier score by hour of the forecast, and how many windows were counted."""
    history, zone = recorded(path)
    policy = Policy(zone=zone, notice=timedelta(0), horizon=timedelta(days=1), max_silence=timedelta(days=36500))
    snapshot = snapshot_at(history, history["until"].max().to_pydatetime(), policy)
    teachers = Teachers.of(snapshot.grids, snapshot.origin, policy)
    found: dict[str, Any] = {}
    for hour in HOURS:
        need = MIN_KNOWN // QUARTER
        _, trials = learnt(teachers, snapshot.origin, policy, need, InlineExecutor(), (4 * hour,))
        wrong: list[np.ndarray] = []
        for hours in ASKED:
            length = 4 * hours
            begin = np.arange(4 * EVENING[0], 4 * EVENING[1] - length + 1, 2)
            row, begin = np.repeat(np.arange(len(trials)), len(begin)), np.tile(begin, len(trials))
            able = trials.could_be_booked(row, begin, begin + length)
            row, begin = row[able], begin[able]
            free, known = trials.outcomes(row, begin, begin + length)
            said = trials.said[row, begin // 2, LENGTHS.index(length)]
            wrong.append(((said - free) ** 2)[known])
        together = np.concatenate(wrong)
        found[f"{hour:02}:00"] = {"brier": round(float(together.mean()), 4), "windows": len(together)}
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("recordings", nargs="+", type=Path)
    results = {path.stem: scores(path) for path in options.parse_args().recordings}
    print(json.dumps({**described(), "results": results}, indent=2))


if __name__ == "__main__":
    main()
