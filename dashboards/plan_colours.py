"""Colours of plans and promises; those of states and losses are in `telemetry.appearance`."""

from __future__ import annotations

OTHER_COLOURS = {
    "forecast": "#5C5C5C", "offered": "#56B4E9", "held": "#E69F00", "booked": "#009E73",
    "kept": "#009E73", "broken": "#D55E00", "withdrawn": "#5C5C5C",
}  # fmt: skip
