"""Finds the power levels of a machine (off, base load, working) and proposes thresholds.

The distribution of the logarithm of power is smoothed. Its modes are separate levels if the valley between them is deep enough. The two
thresholds lie in the gap between base load and working; the range between them is the hysteresis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.power_state import PowerThresholds, state_from_power
from telemetry import MachineState

MIN_SAMPLES = 200
BINS = 160
_SMOOTH_BINS = 2.5
_DEEPEST_VALLEY = 0.35
"""Two modes are separate levels if the valley between them is lower than this share of the smaller one."""

_SMALLEST_SHARE = 0.01
_OFF_RATIO = 0.02
"""The lowest level is "off" if it lies below this share of the highest and there is a base load as well."""

_NEAREST = 1.15
_NO_MACHINE_W = 1e9
_BETWEEN_SHARE = 0.05
_SHORT_RUNS = 0.2


@dataclass(frozen=True, slots=True)
class Level:
    """A power level: its median in watts, the share of time spent at it, and its 1st and 99th percentiles in watts."""

    median_w: float
    share: float
    lowest_w: float
    highest_w: float


@dataclass(frozen=True)
class Proposal:
    """Levels in ascending order. `thresholds` is None if the levels cannot be separated; `remarks` gives the reason and other warnings."""

    levels: tuple[Level, ...]
    thresholds: PowerThresholds | None
    dwell_samples: dict[MachineState, int]
    remarks: tuple[str, ...]
    edges_w: tuple[float, ...]
    density: tuple[float, ...]


def propose(power_w: Sequence[float]) -> Proposal:
    """Propose thresholds from `power_w`: watts at equal intervals, oldest first."""
    known = [max(0.0, power) for power in power_w if abs(power) < _NO_MACHINE_W]
    if len(known) < MIN_SAMPLES:
        return _refusal((), f"{len(known)} readings are too few; at least {MIN_SAMPLES} are needed.")
    floor = max(0.5, sorted(known)[int(len(known) * 0.99)] * 1e-3)
    logs = [math.log10(max(power, floor)) for power in known]
    low, high = min(logs), max(logs)
    if high - low < 0.05:
        return _refusal(
            (),
            "The power is nearly constant: one level. Watch for longer, so that the machine both works and stands still.",
        )
    width = (high - low) / BINS
    density = _smoothed(logs, low, width)
    cuts = _cuts(density)
    edges = tuple(10 ** (low + place * width) for place in range(BINS + 1))
    levels = _levels(known, [0.0, *(edges[cut] for cut in cuts), math.inf])
    if len(levels) < 2:
        text = (
            "The levels cannot be told apart: no valley in the distribution is deep enough. No thresholds are proposed."
        )
        return _refusal(levels, text, edges, density)
    return _proposal(known, levels, edges, density)


def _proposal(
    known: list[float], levels: tuple[Level, ...], edges: tuple[float, ...], density: tuple[float, ...]
) -> Proposal:
    has_off = len(levels) >= 3 and levels[0].median_w <= _OFF_RATIO * levels[-1].median_w
    base, working = (levels[1], levels[2]) if has_off else (levels[0], levels[1])
    remarks = []
    if len(levels) > (3 if has_off else 2):
        remarks.append("Working has several levels; all above the base load count as working.")
    if not has_off and base.median_w <= _OFF_RATIO * levels[-1].median_w:
        remarks.append(
            "The lower level may be the machine switched off: it was not seen both switched off and waiting."
        )
    if working.lowest_w < base.highest_w * _NEAREST:
        remarks.append("Base load and working lie too close together to be told apart. No thresholds are proposed.")
        return Proposal(levels, None, {}, tuple(remarks), edges, density)
    ratio = working.lowest_w / max(base.highest_w, 1e-9)
    thresholds = PowerThresholds(
        off_below_w=_rounded(math.sqrt(max(levels[0].highest_w, 0.1) * base.lowest_w)) if has_off else 0.0,
        idle_below_w=_rounded(base.highest_w * ratio ** (1 / 3)),
        working_from_w=_rounded(base.highest_w * ratio ** (2 / 3)),
    )
    between = sum(thresholds.idle_below_w <= power < thresholds.working_from_w for power in known) / len(known)
    if between > _BETWEEN_SHARE:
        remarks.append(
            f"{between:.0%} of the readings lie between the levels: they drift or overlap. No thresholds are proposed."
        )
        return Proposal(levels, None, {}, tuple(remarks), edges, density)
    return Proposal(levels, thresholds, _dwell(known, thresholds), tuple(remarks), edges, density)


def _refusal(
    levels: tuple[Level, ...], why: str, edges: tuple[float, ...] = (), density: tuple[float, ...] = ()
) -> Proposal:
    return Proposal(levels, None, {}, (why,), edges, density)


def _smoothed(logs: Sequence[float], low: float, width: float) -> tuple[float, ...]:
    counts = [0] * BINS
    for value in logs:
        counts[min(BINS - 1, int((value - low) / width))] += 1
    reach = math.ceil(4 * _SMOOTH_BINS)
    kernel = [math.exp(-0.5 * (place / _SMOOTH_BINS) ** 2) for place in range(-reach, reach + 1)]
    total = sum(kernel) * len(logs)
    padded = [0] * reach + counts + [0] * reach
    return tuple(
        sum(padded[place + step] * weight for step, weight in enumerate(kernel)) / total for place in range(BINS)
    )


def _cuts(density: Sequence[float]) -> list[int]:
    """Bins of the valleys between levels. Modes are merged, shallowest valley first, until all remaining valleys are deep enough."""
    peaks = [
        place
        for place in range(BINS)
        if density[place] > 0
        and density[place] >= max(density[max(0, place - 1) : place + 2])
        and (place == 0 or density[place] > density[place - 1])
    ]
    while len(peaks) > 1:
        valleys = [min(range(left, right + 1), key=lambda bin_: density[bin_]) for left, right in pairwise(peaks)]
        mass = _masses(density, valleys)
        ratios = [
            density[valley] / min(density[peaks[place]], density[peaks[place + 1]])
            for place, valley in enumerate(valleys)
        ]
        smallest = min(range(len(mass)), key=lambda place: mass[place])
        if mass[smallest] < _SMALLEST_SHARE:
            del peaks[smallest]
            continue
        shallowest = max(range(len(ratios)), key=lambda place: ratios[place])
        if ratios[shallowest] <= _DEEPEST_VALLEY:
            return valleys
        left, right = peaks[shallowest], peaks[shallowest + 1]
        peaks.remove(left if density[left] < density[right] else right)
    return []


def _masses(density: Sequence[float], valleys: Sequence[int]) -> list[float]:
    bounds = [0, *valleys, BINS]
    return [sum(density[start:end]) for start, end in pairwise(bounds)]


def _levels(known: Sequence[float], bounds: Sequence[float]) -> tuple[Level, ...]:
    found = []
    for low, high in pairwise(bounds):
        inside = sorted(power for power in known if low <= power < high)
        if inside:
            edge = len(inside) // 100
            found.append(Level(inside[len(inside) // 2], len(inside) / len(known), inside[edge], inside[-1 - edge]))
    return tuple(found)


def _dwell(known: Sequence[float], thresholds: PowerThresholds) -> dict[MachineState, int]:
    """Minimum number of readings of each state of which many occurrences are very short (start-up currents, strokes)."""
    runs: dict[MachineState, list[int]] = {}
    previous: MachineState | None = None
    for power in known:
        state = state_from_power(power, previous, thresholds)
        lengths = runs.setdefault(state, [])
        if state is previous:
            lengths[-1] += 1
        else:
            lengths.append(1)
        previous = state
    found = {}
    for state, lengths in runs.items():
        short = [length for length in lengths if length <= 2]
        if len(lengths) >= 5 and len(short) / len(lengths) > _SHORT_RUNS and sum(short) < 0.1 * sum(lengths):
            found[state] = 3
    return found


def _rounded(watts: float) -> float:
    """Round to three significant figures, the precision of the data."""
    return float(f"{watts:.3g}")
