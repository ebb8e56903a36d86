"""What the platform is asked to show of the windows that can be booked. Pure.

Where any part of a window may be booked, windows that overlap are put together: one offer for each stretch. Hours that are booked as a whole
are cut into pieces that do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from analytics.policy.policy import MachinePolicy, Policy
from analytics.policy.slot import Slot, stretches


def slots_to_offer(windows: Sequence[Slot], policy: Policy) -> tuple[Slot, ...]:
    """`windows`: the maximal windows of all machines."""
    ordered = sorted(windows, key=attrgetter("machine", "start", "end"))
    return tuple(
        slot
        for machine, of_machine in groupby(ordered, key=attrgetter("machine"))
        for slot in _of_machine(list(of_machine), policy.for_machine(machine))
    )


def _of_machine(windows: Sequence[Slot], rules: MachinePolicy) -> Sequence[Slot]:
    return stretches(windows) if rules.parts else list(_pieces(windows, rules))


def _pieces(windows: Sequence[Slot], rules: MachinePolicy) -> Iterator[Slot]:
    """Each piece lies inside one of the windows, so it can be kept at least as surely, and is at most `maximum_slot` long. `windows`:
    ordered, none inside another one."""
    reached = None
    for place, window in enumerate(windows):
        following = windows[place + 1] if place + 1 < len(windows) else None
        start = window.start if reached is None else max(window.start, reached)
        # What the next window reaches from here on, it reaches further.
        while window.end - start >= rules.minimum_slot and not (following is not None and following.start <= start):
            end = min(window.end, start + rules.maximum_slot)
            yield replace(window, start=start, end=end)
            start = reached = end
