"""Back-test with rolling origins: proposes slots from what was known at each origin, and compares them with what
then happened. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.forecast.promise import ASKED_HOURS, was_kept
from analytics.forecast.spare_capacity import COUNTING, MODEL, Fitted, fit, propose
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import FREE, NOT_FREE, QuarterGrid
from analytics.history.snapshot import Snapshot, snapshot_at, with_borrowed_weeks
from analytics.policy.policy import QUARTER, Policy
from telemetry import rfc3339

CONTENDERS = {"vrijloop": MODEL, COUNTING: COUNTING}
"""The forecasts compared. Each chooses its own thresholds, at the same promised rate."""

BINS = (0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 1.0)


@dataclass
class Asked:
    """Windows of one length, begun on a half hour: those that could be booked, those of them that were kept, and all that were free."""

    bookable: int = 0
    kept: int = 0
    free: int = 0


@dataclass
class Score:
    """Results of one contender. Slots are its maximal windows."""

    windows: dict[int, Asked] = field(default_factory=lambda: {hours: Asked() for hours in ASKED_HOURS})
    slots: int = 0
    broken: int = 0
    offered_h: float = 0.0
    offered_free_h: float = 0.0
    free_h: float = 0.0
    squares: float = 0.0
    used: dict[str, int] = field(default_factory=dict)
    promises: list[tuple[float, bool]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values. Ratios are None where nothing was offered, or nothing was free."""
        low, high = wilson_interval(self.broken, self.slots)
        return {
            "windows": {
                f"{hours}h": {
                    "bookable": asked.bookable,
                    "kept": _ratio(asked.kept, asked.bookable),
                    "kept_interval_95": list(wilson_interval(asked.kept, asked.bookable)),
                    "found": _ratio(asked.kept, asked.free),
                }
                for hours, asked in self.windows.items()
            },
            "slots": self.slots,
            "offered_h": round(self.offered_h, 2),
            "free_h": round(self.free_h, 2),
            "precision": _ratio(self.offered_free_h, self.offered_h),
            "recall": _ratio(self.offered_free_h, self.free_h),
            "broken": self.broken,
            "broken_share": _ratio(self.broken, self.slots),
            "broken_interval_95": [low, high],
            "brier": _ratio(self.squares, self.slots),
            "reliability": self.reliability(),
            "forecasts_used": self.used,
        }

    def reliability(self) -> list[dict[str, Any]]:
        """Per bin of promised probability: the number of slots, their mean promised probability, and the share kept."""
        rows = []
        for low, high in pairwise(BINS):
            inside = [(p, kept) for p, kept in self.promises if low <= p < high or (high == 1.0 and p == 1.0)]
            if inside:
                rows.append(
                    {
                        "from": low,
                        "to": high,
                        "slots": len(inside),
                        "promised": round(sum(p for p, _ in inside) / len(inside), 4),
                        "kept": round(sum(kept for _, kept in inside) / len(inside), 4),
                    }
                )
        return rows


@dataclass(frozen=True)
class Plan:
    """The range of origins, and how far each looks ahead."""

    first: datetime
    last: datetime
    every: timedelta = timedelta(days=1)
    horizon: timedelta = timedelta(days=1)
    refit: timedelta = timedelta(weeks=2)


def origins_of(plan: Plan, zone: str) -> list[datetime]:
    """Local midnights from `first` on, `every` apart in local time, whose horizon ends by `last`."""
    local = ZoneInfo(zone)
    day = plan.first.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0)
    if day < plan.first:
        day += timedelta(days=1)
    found = []
    while day + plan.horizon <= plan.last:
        found.append(day)
        day = (day.replace(tzinfo=None) + plan.every).replace(tzinfo=local)
    return found


def run_backtest(
    intervals: pd.DataFrame,
    policy: Policy,
    plan: Plan,
    contenders: Sequence[str] = tuple(CONTENDERS),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run the back-test. Returns the figures of `Score.as_dict` for each contender, and the parameters of the run."""
    policy = policy.model_copy(update={"horizon": plan.horizon, "max_silence": timedelta(days=36500)})
    origins = origins_of(plan, policy.zone)
    scores = {name: Score() for name in contenders}
    fitted: dict[str, Fitted | None] = {}
    due = origins[0] if origins else plan.first
    for done, origin in enumerate(origins):
        if progress is not None:
            progress(done, len(origins))
        snapshot = with_borrowed_weeks(snapshot_at(intervals, origin, policy), policy)
        if not snapshot.grids:
            continue
        if origin >= due:
            fitted = {
                name: fit(snapshot, policy, policy.max_broken_promises, name=CONTENDERS[name]) for name in contenders
            }
            due = origin + plan.refit
        truth = snapshot_at(intervals, origin + plan.horizon, policy).grids
        for name, score in scores.items():
            _add_origin(score, fitted.get(name), snapshot, truth, policy)
    if progress is not None:
        progress(len(origins), len(origins))
    return {
        "origins": len(origins),
        "first": rfc3339(origins[0]) if origins else None,
        "last": rfc3339(origins[-1]) if origins else None,
        "horizon_h": plan.horizon / timedelta(hours=1),
        "machines": int(intervals["machine"].nunique()),
        "max_broken_promises": policy.max_broken_promises,
        "results": {name: score.as_dict() for name, score in scores.items()},
    }


def _add_origin(
    score: Score, fitted: Fitted | None, snapshot: Snapshot, truth: Mapping[str, QuarterGrid], policy: Policy
) -> None:
    """Add what one origin offered to the score."""
    slots = propose(fitted, snapshot, policy, {}).slots if fitted is not None else ()
    if fitted is not None:
        score.used[fitted.name] = score.used.get(fitted.name, 0) + 1
    for machine in snapshot.grids:
        own, real = policy.for_machine(machine), truth[machine]
        begin = real.index_of(snapshot.now + own.notice)
        end = real.index_of(snapshot.now + policy.horizon)
        values = real.values[begin:end]
        usable = open_quarters(real, begin, end, own)[: len(values)]
        places = [
            (real.index_of(slot.start) - begin, real.index_of(slot.end) - begin, slot.probability)
            for slot in slots
            if slot.machine == machine
        ]
        _add_machine(score, values, usable, places)


def _add_machine(score: Score, values: np.ndarray, usable: np.ndarray, slots: Sequence[tuple[int, int, float]]) -> None:
    """`values`, `usable`: the quarters of the horizon. `slots`: (begin, end, probability) in it."""
    quarter_h = QUARTER / timedelta(hours=1)
    score.free_h += float(((values == FREE) & usable).sum()) * quarter_h
    offered = np.zeros(len(values), dtype=bool)
    bookable = {hours: np.zeros(len(values), dtype=bool) for hours in ASKED_HOURS}
    for begin, end, probability in slots:
        kept = was_kept(values[max(0, begin) : end])
        if kept is None:
            continue
        score.slots += 1
        score.broken += not kept
        score.squares += (probability - kept) ** 2
        score.promises.append((probability, kept))
        offered[max(0, begin) : end] = True
        for hours, starts in bookable.items():
            starts[max(0, begin) : max(0, end - 4 * hours + 1)] = True
    score.offered_h += float((offered & (values >= NOT_FREE)).sum()) * quarter_h
    score.offered_free_h += float((offered & (values == FREE)).sum()) * quarter_h
    for hours, asked in score.windows.items():
        for begin in range(0, len(values) - 4 * hours + 1, 2):
            span = slice(begin, begin + 4 * hours)
            kept = was_kept(values[span])
            if kept is None:
                continue
            asked.free += kept and bool(usable[span].all())
            if bookable[hours][begin]:
                asked.bookable += 1
                asked.kept += kept


def wilson_interval(count: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95 % confidence interval of a proportion (Wilson score)."""
    if not total:
        return 0.0, 1.0
    share = count / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
