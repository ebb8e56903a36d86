"""Groups registers into as few requests as possible, none longer than the device allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


def plan_reads(values: Mapping[str, Register], max_words: int, max_gap: int = MAX_GAP_WORDS) -> list[Block]:
    """Blocks in order of address that cover all values. A value longer than `max_words` gets a block of its own."""
    blocks: list[Block] = []
    for name, value in sorted(values.items(), key=lambda item: (item[1].address, item[0])):
        end = value.address + value.size
        if blocks:
            last = blocks[-1]
            joined_end = max(end, last.address + last.count)
            gap = value.address - (last.address + last.count)
            if gap <= max_gap and joined_end - last.address <= max_words:
                blocks[-1] = Block(last.address, joined_end - last.address, (*last.values, (name, value)))
                continue
        blocks.append(Block(value.address, value.size, ((name, value),)))
    return blocks
