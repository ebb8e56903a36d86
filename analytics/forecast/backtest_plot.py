"""Charts of a back-test: reliability, and which share of free windows could be booked against which share was broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from telemetry import UserError


def plot_backtest(result: dict[str, Any], path: Path) -> None:
    """Write a PNG. Raises UserError if matplotlib is not installed or the file cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("--plot needs matplotlib: install `vrijloop[learn]`.") from error
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = result["results"]["vrijloop"]["reliability"]
    left.plot([0.5, 1], [0.5, 1], color="0.7", linewidth=1)
    left.scatter(
        [row["promised"] for row in rows],
        [row["kept"] for row in rows],
        s=[12 + row["slots"] ** 0.5 * 6 for row in rows],
    )
    left.set(
        title="Reliability", xlabel="promised probability", ylabel="share kept", xlim=(0.6, 1.01), ylim=(0.6, 1.01)
    )
    for name, score in result["results"].items():
        asked = [window for window in score["windows"].values() if window["bookable"]]
        if asked:
            broken, found = [1 - window["kept"] for window in asked], [window["found"] for window in asked]
            right.plot(broken, found, marker="o", label=name)
    right.axvline(result["max_broken_promises"], color="0.7", linewidth=1)
    right.set(
        title="Windows of 2, 4 and 8 hours",
        xlabel="share broken of what could be booked",
        ylabel="share found of what was free",
        ylim=(0, 1),
    )
    if right.get_legend_handles_labels()[0]:
        right.legend()
    try:
        figure.savefig(path, format="png", dpi=110)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error}).") from error
