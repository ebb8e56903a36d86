"""Minimum dwell times: a new state is accepted once it has lasted long enough, and then from its beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from telemetry import MachineState, OperationMode


@dataclass(frozen=True, slots=True)
class Settled:
    """`state` is confirmed up to `at`. `since`: its beginning, if it has just been accepted."""

    state: MachineState
    mode: OperationMode | None
    at: datetime
    since: datetime | None = None


class DwellFilter:
    """Suppresses short changes of state, such as a start-up current, a blinking lamp or the stop between two strokes.

    Until a new state has lasted for its dwell time, the former one is confirmed up to the moment the new one began.
    """

    def __init__(self, dwell: Mapping[MachineState, timedelta]) -> None:
        self._dwell = dwell
        self._held: tuple[MachineState, OperationMode | None] | None = None
        self._other: tuple[MachineState, OperationMode | None] | None = None
        self._began: datetime | None = None

    def reset(self) -> None:
        """Forget the current state; call it after a gap in the readings."""
        self._held = self._other = self._began = None

    def settle(self, state: MachineState, mode: OperationMode | None, at: datetime) -> Settled:
        seen = (state, mode)
        if self._held is None or seen == self._held:
            self._held, self._other, self._began = seen, None, None
            return Settled(state, mode, at)
        if seen != self._other or self._began is None:
            self._other, self._began = seen, at
        if at - self._began < self._dwell.get(state, timedelta(0)):
            return Settled(*self._held, self._began)
        began, self._held, self._other, self._began = self._began, seen, None, None
        return Settled(state, mode, at, began)
