"""States derived from power, with hysteresis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.power_state import PowerThresholds, state_from_power
from telemetry import MachineState

THRESHOLDS = PowerThresholds(off_below_w=100, idle_below_w=1500, working_from_w=2500)
OFF, WAIT, RUN = MachineState.NOT_AVAILABLE, MachineState.NOT_EXECUTING, MachineState.EXECUTING


@pytest.mark.parametrize(
    ("power", "previous", "state"),
    [
        (0, None, OFF),
        (99.9, RUN, OFF),
        (100, None, WAIT),
        (1499, RUN, WAIT),
        (1500, RUN, RUN),
        (2499, RUN, RUN),
        (2499, WAIT, WAIT),
        (2499, None, WAIT),
        (2500, WAIT, RUN),
        (9e6, OFF, RUN),
        (-50, RUN, OFF),
    ],
)
def test_levels(power: float, previous: MachineState | None, state: MachineState) -> None:
    assert state_from_power(power, previous, THRESHOLDS) is state


@given(st.floats(1500, 2499.9), st.lists(st.floats(1500, 2499.9), max_size=30))
def test_noise_inside_the_band_never_changes_the_state(first: float, noise: list[float]) -> None:
    for start in (RUN, WAIT):
        state = start
        for power in [first, *noise]:
            state = state_from_power(power, state, THRESHOLDS)
        assert state is start


@pytest.mark.parametrize("levels", [(200, 100, 300), (0, 500, 400), (-1, 100, 200), (0, float("nan"), 1)])
def test_thresholds_out_of_order_are_refused(levels: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError):
        PowerThresholds.validated(dict(zip(("off_below_w", "idle_below_w", "working_from_w"), levels, strict=True)))
