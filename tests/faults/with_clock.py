"""`vrijloop …` with a clock that somebody else can set: seconds in a file are added to the present.

    python -m tests.faults.with_clock CLOCK_FILE agent run --config agent.toml

All of Vrijloop asks one `Clock` for the time, which therefore is all that has to be set.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telemetry.clock import SystemClock


def step_by(file: Path) -> None:
    def now(_: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text() or 0))

    SystemClock.now = now  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    from vrijloop.cli import main

    step_by(Path(sys.argv[1]))
    sys.argv = ["vrijloop", *sys.argv[2:]]
    main()
