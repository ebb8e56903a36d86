"""The forecast of windows on recorded machines, beside counting weekdays: `make bench-windows RECORDINGS='steel.csv toolmaker.csv'`.

A RECORDING is a CSV file `machine,since,until,state` with a first line `# zone=Europe/Berlin` (its local time, whose country's holidays are
kept). Every local midnight from week 14 on, windows of the days ahead are forecast from what was known then and compared with what came;
the forecast is fitted anew every four weeks. Prints JSON: for each promised share, which share of the bookable windows of 2, 4 and 8 hours was
kept, which of the free ones was found, and how well the probabilities were calibrated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.forecast.backtest import Plan, run_backtest
from analytics.history.csv_file import read_history
from analytics.policy.policy import Policy
from benchmarks.machine import described

WARM = timedelta(weeks=13)


def recorded(path: Path) -> tuple[pd.DataFrame, str]:
    """The intervals of a recording, and its time zone."""
    head, _, rows = path.read_text().partition("\n")
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(rows)
        file.flush()
        return read_history(Path(file.name)), head.partition("zone=")[2].strip() or "UTC"


def measured(path: Path, ahead: timedelta, rate: float, every: timedelta) -> dict[str, Any]:
    history, zone = recorded(path)
    policy = Policy(zone=zone, notice=timedelta(0), max_broken_promises=rate)
    begin, end = (history[column].agg(edge).to_pydatetime() for column, edge in (("since", "min"), ("until", "max")))
    plan = Plan(begin + WARM, end, every, ahead, refit=timedelta(weeks=4))
    return run_backtest(history, policy, plan)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("recordings", nargs="+", type=Path)
    options.add_argument("--ahead", type=int, default=1, help="days that each forecast looks ahead")
    options.add_argument("--every", type=int, default=1, help="days from one forecast to the next")
    options.add_argument("--rates", default="0.05", help="promised shares of broken windows, with commas between")
    chosen = options.parse_args()
    days = timedelta(days=1)
    results = {
        recording.stem: {
            rate: measured(recording, chosen.ahead * days, float(rate), chosen.every * days)["results"]
            for rate in chosen.rates.split(",")
        }
        for recording in chosen.recordings
    }
    print(
        json.dumps(
            {**described(), "ahead_days": chosen.ahead, "every_days": chosen.every, "results": results}, indent=2
        )
    )


if __name__ == "__main__":
    main()
