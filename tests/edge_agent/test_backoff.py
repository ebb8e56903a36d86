"""How long the agent waits before it tries again."""

from __future__ import annotations

import random

import pytest

from edge_agent.backoff import Backoff, knocking


@pytest.mark.parametrize(("backoff", "longest_s"), [(Backoff, 30.0), (knocking, 4.0)])
def test_pauses_double_up_to_a_bound_and_begin_anew_after_a_success(backoff: type[Backoff], longest_s: float) -> None:
    pauses = backoff()
    pauses.jitter = random.Random(7)
    for step in (1.0, 2.0, 4.0, *(min(longest_s, 2.0**place) for place in range(3, 40))):
        assert step / 2 <= pauses.next_delay() <= step
    pauses.reset()
    assert 0.5 <= pauses.next_delay() <= 1.0


def test_hundreds_of_devices_that_went_away_together_are_not_tried_together() -> None:
    tried = []
    for seed in range(500):
        pauses, at = knocking(), 0.0
        pauses.jitter = random.Random(seed)
        while at < 60:
            at += pauses.next_delay()
            tried.append(int(at))
    in_a_second = [tried.count(second) for second in range(30, 60)]
    # A third of what knocking once a second would be.
    assert max(in_a_second) < 250
    assert sum(in_a_second) / 30 < 500 / 2.8
