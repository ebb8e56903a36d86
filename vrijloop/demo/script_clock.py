"""The clock of the demo's platform: it goes through the fortnight as the script is played, and is the real one from then on."""

from __future__ import annotations

from datetime import datetime

from telemetry import SystemClock


class ScriptClock(SystemClock):
    """Stands where it was put, until it is let go."""

    def __init__(self) -> None:
        self._at: datetime | None = None

    def now(self) -> datetime:
        at = self._at
        return super().now() if at is None else at

    def put(self, moment: datetime) -> None:
        self._at = moment

    def let_go(self) -> None:
        self._at = None
