"""What of its machines nobody could know, by the faults that were played."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from tests.faults.player import Played, Player
from tests.faults.region import Region, machines_of
from tests.faults.schedule import Event, Fault

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = machines_of("agent-1")[0]


def played(fault: Fault, target: str, began: float, over: float, step_s: float = 0.0) -> Played:
    event = Event(began, fault, target, over - began, 0.5)
    return Played(event, T0 + timedelta(seconds=began), T0 + timedelta(seconds=over), step_s)


@pytest.mark.parametrize(
    ("faults", "until"),
    [
        pytest.param([(Fault.RESTART, "machines-1", 10, 14)], [16], id="first values take a moment"),
        pytest.param([(Fault.CLOCK_STEP, "agent-1", 5, 12, 9.0)], [], id="machines tell the time themselves"),
        pytest.param([(Fault.RESTART, "machines-1", 10, 14), (Fault.CLOCK_STEP, "agent-1", 5, 12, 9.0)], [25], id="no contact while the clock is ahead"),
        pytest.param([(Fault.RESTART, "machines-1", 10, 14), (Fault.CLOCK_STEP, "agent-1", 5, 12, -9.0)], [16], id="no contact while it is behind"),
        pytest.param([(Fault.RESTART, "machines-1", 10, 14), (Fault.CLOCK_STEP, "agent-1", 5, 9, 9.0)], [16], id="the clock was right again before"),
        pytest.param([(Fault.RESTART, "machines-1", 10, 14), (Fault.CLOCK_STEP, "agent-2", 5, 12, 9.0)], [16], id="another gateway's clock"),
    ],
)  # fmt: skip
def test_how_long_a_machine_may_be_unknown(faults: list[tuple[Fault, str, float, float]], until: list[float]) -> None:
    player = Player(cast("Region", None))
    player.played = [played(*fault) for fault in faults]
    assert [(one.end - T0).total_seconds() for one in player.excuses(MACHINE)] == until
