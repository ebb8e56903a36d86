"""Windows that overlap, cut into offers that do not, for a platform that takes one window per offer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from analytics.policy.policy import MachinePolicy, Policy
from analytics.policy.slot import Slot


def pieces(windows: Sequence[Slot], policy: Policy) -> tuple[Slot, ...]:
    """Each piece lies inside one of the windows, so it can be kept at least as surely, and is at most `maximum_slot` long."""
    ordered = sorted(windows, key=attrgetter("machine", "start", "end"))
    return tuple(
        piece
        for machine, own in groupby(ordered, key=attrgetter("machine"))
        for piece in _of_machine(list(own), policy.for_machine(machine))
    )


def _of_machine(windows: Sequence[Slot], rules: MachinePolicy) -> Iterator[Slot]:
    """`windows`: ordered, none inside another one."""
    reached = None
    for place, window in enumerate(windows):
        following = windows[place + 1] if place + 1 < len(windows) else None
        start = window.start if reached is None else max(window.start, reached)
        # What the next window reaches from here on, it reaches further.
        while window.end - start >= rules.minimum_slot and not (following is not None and following.start <= start):
            end = min(window.end, start + rules.maximum_slot)
            yield replace(window, start=start, end=end)
            start = reached = end
