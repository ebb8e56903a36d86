"""The shape of a bar on which a factory sees itself among the quartiles: percentage points to coordinates. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sharing_platform.comparison.schemas import ComparedFigure

WIDTH = 440
"""Of a whole bar, from 0 to 100 %."""


@dataclass(frozen=True)
class QuartileBar:
    """`left` to `right`: the middle half of all factories, None where too few are compared. `own`: where the factory stands as it was sent, `from_` to `to`: where it may really stand."""

    own: float
    from_: float
    to: float
    left: float | None = None
    middle: float | None = None
    right: float | None = None


def bar_of(figure: ComparedFigure) -> QuartileBar | None:
    """None for a figure that the factory has not contributed."""
    if figure.own is None or figure.strays is None:
        return None
    own = [_place(points) for points in (figure.own, figure.own - figure.strays, figure.own + figure.strays)]
    quartiles = figure.quartiles
    if quartiles is None:
        return QuartileBar(*own)
    return QuartileBar(*own, *(_place(points) for points in (quartiles.lower, quartiles.median, quartiles.upper)))


def _place(points: float) -> float:
    return min(100.0, max(0.0, points)) * WIDTH / 100
