"""The radar: levels to coordinates. Pure; the template draws it, and puts a table behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sharing_platform.self_assessment.questionnaire import LEVELS

_BESIDE = 16.0
"""From the outermost ring to what stands beside it."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """`number`: from 1 on; `x`, `y`: where it ends; `label`: where its name stands, and on which side of that (`start`, `middle`, `end`)."""

    transformation: str
    number: int
    x: float
    y: float
    label: Point
    anchor: str


@dataclass(frozen=True)
class Outline:
    """Levels of one moment. `area`: closed, where all are known; `path`: between neighbours that are both known."""

    area: str
    path: str
    dots: Sequence[Point]


@dataclass(frozen=True)
class Radar:
    """Around its middle at (0, 0). `rings`: a level and its line."""

    radius: float
    rings: Sequence[tuple[int, str]]
    axes: Sequence[Axis]
    now: Outline
    before: Outline | None
    goals: Sequence[Point]


def radar(
    now: Mapping[str, float | None], before: Mapping[str, float | None], goals: Mapping[str, int], radius: float = 150
) -> Radar:
    """The first axis points upwards, the others follow clockwise. `before`: of a moment in the past; nothing is drawn of it where no level is known."""
    names = list(now)

    def at(number: int, level: float) -> Point:
        return _point(number, len(names), radius * level / LEVELS[-1])

    def outline(levels: Mapping[str, float | None]) -> Outline:
        points = [None if (level := levels.get(name)) is None else at(number, level) for number, name in enumerate(names)]  # fmt: skip
        known = [one for one in points if one is not None]
        pairs = zip(points, points[1:] + points[:1], strict=True)
        path = " ".join(f"M{_written(one)} L{_written(other)}" for one, other in pairs if one and other)
        return Outline(" ".join(map(_written, known)) if len(known) == len(points) else "", path, known)

    axes = []
    for number, name in enumerate(names):
        x, y = at(number, LEVELS[-1])
        label = _point(number, len(names), radius + _BESIDE)
        anchor = "middle" if abs(label[0]) < 1 else "start" if label[0] > 0 else "end"
        axes.append(Axis(name, number + 1, x, y, label, anchor))
    rings = [
        (level, " ".join(_written(at(number, level)) for number in range(len(names)))) for level in LEVELS if level
    ]
    past = outline(before) if any(level is not None for level in before.values()) else None
    marks = [at(number, goals[name]) for number, name in enumerate(names) if name in goals]
    return Radar(radius, rings, axes, outline(now), past, marks)


def _point(number: int, count: int, distance: float) -> Point:
    angle = 2 * math.pi * number / count
    return distance * math.sin(angle), -distance * math.cos(angle)


def _written(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
