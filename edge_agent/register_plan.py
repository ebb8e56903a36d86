"""Groups registers into as few requests as possible, none longer than the device allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from edge_agent.device_templates import Register

MAX_GAP_WORDS = 64
"""Two values with at most this many words between them share a request, because a separate request costs more."""


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` words from `address`, and the values in it."""

    address: int
    count: int
    values: tuple[tuple[str, Register], ...]

    def decode(self, words: list[int]) -> dict[str, float | None]:
        """Each value by name; None if the device reports no value. `words`: exactly `count`."""
        return {
            name: value.decode(words[value.address - self.address : value.address - self.address + value.size])
            for name, value in self.values
        }

    def split(self) -> tuple[Block, Block] | None:
        """Two requests for the same values without the widest stretch between them that nobody asked for; None for a single value."""
        if len(self.values) == 1:
            return None
        ends = list(accumulate((value.address + value.size for _, value in self.values), max))
        cut = max(range(1, len(self.values)), key=lambda place: self.values[place][1].address - ends[place - 1])
        return _block(self.values[:cut]), _block(self.values[cut:])


def _block(values: tuple[tuple[str, Register], ...]) -> Block:
    start = values[0][1].address
    return Block(start, max(value.address + value.size for _, value in values) - start, values)


def plan_reads(values: Mapping[str, Register], max_words: int) -> list[Block]:
    """Blocks in order of address that cover all values. A value longer than `max_words` gets a block of its own."""
    blocks: list[Block] = []
    for name, value in sorted(values.items(), key=lambda item: (item[1].address, item[0])):
        if blocks:
            last = blocks[-1]
            joined = _block((*last.values, (name, value)))
            if value.address - (last.address + last.count) <= MAX_GAP_WORDS and joined.count <= max_words:
                blocks[-1] = joined
                continue
        blocks.append(_block(((name, value),)))
    return blocks
