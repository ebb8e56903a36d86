"""Free hours of a machine: windows that can be booked, and the stretches that they make. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

BusyHours = Mapping[str, Sequence[tuple[datetime, datetime]]]
"""Per machine the (start, end) of booked, planned and vetoed hours."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours that are free throughout with a probability. Any part of them is at least as sure."""

    start: datetime
    end: datetime
    probability: float


@dataclass(frozen=True, slots=True)
class Slot:
    """Free hours of a machine. `probability`: of all of them, or, where they are a stretch of several windows, of the least sure one.
    `checked` and `broken` are the machine's track record; times are aware UTC."""

    machine: str
    start: datetime
    end: datetime
    probability: float
    checked: int
    broken: int
    windows: tuple[Window, ...] = ()
    """Of a stretch: what can be booked, ordered; they may overlap, but none lies inside another one. Empty: the whole is one window."""

    @property
    def bookable(self) -> tuple[Window, ...]:
        """The windows, at least one."""
        return self.windows or (Window(self.start, self.end, self.probability),)


def stretches(windows: Iterable[Slot]) -> list[Slot]:
    """Windows of one machine put together: those that overlap make one stretch. A window that lies inside another one is left out."""
    groups: list[list[Slot]] = []
    for window in sorted(windows, key=lambda window: (window.start, -window.end.timestamp())):
        if groups and window.end <= groups[-1][-1].end:
            continue
        if groups and window.start < groups[-1][-1].end:
            groups[-1].append(window)
        else:
            groups.append([window])
    return [_joined(group) for group in groups]


def without(slot: Slot, taken: Sequence[tuple[datetime, datetime]], shortest: timedelta) -> list[Slot]:
    """What is left of a slot beside hours that are taken: windows of at least `shortest`. Unchanged where it does not meet them."""
    if not any(begin < slot.end and slot.start < end for begin, end in taken):
        return [slot]
    left = [
        replace(slot, start=start, end=end, probability=window.probability, windows=())
        for window in slot.bookable
        for start, end in _beside(window, taken)
        if end - start >= shortest
    ]
    return stretches(left)


def _beside(window: Window, taken: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    parts, start = [], window.start
    for begin, end in sorted(taken):
        if end <= start or begin >= window.end:
            continue
        parts.append((start, begin))
        start = end
    return [*parts, (start, window.end)]


def _joined(windows: Sequence[Slot]) -> Slot:
    if len(windows) == 1:
        return windows[0]
    return replace(
        windows[0],
        end=windows[-1].end,
        probability=min(window.probability for window in windows),
        windows=tuple(Window(window.start, window.end, window.probability) for window in windows),
    )
