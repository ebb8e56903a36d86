"""Which sequence numbers of a gateway have arrived, as ranges: what is missing, and what came again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class SequenceRanges:
    """Disjoint, ordered, inclusive ranges. Small however long the history: one range where nothing is missing."""

    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, seqs: Iterable[int]) -> int:
        """Take in numbers in any order. Returns how many of them had arrived before."""
        repeated = 0
        for seq in sorted(seqs):
            repeated += not self._add_one(seq)
        return repeated

    def _add_one(self, seq: int) -> bool:
        place = bisect_right(self.ranges, (seq, float("inf"))) - 1
        if place >= 0 and self.ranges[place][1] >= seq:
            return False
        joins_left = place >= 0 and self.ranges[place][1] == seq - 1
        joins_right = place + 1 < len(self.ranges) and self.ranges[place + 1][0] == seq + 1
        if joins_left and joins_right:
            self.ranges[place : place + 2] = [(self.ranges[place][0], self.ranges[place + 1][1])]
        elif joins_left:
            self.ranges[place] = (self.ranges[place][0], seq)
        elif joins_right:
            self.ranges[place + 1] = (seq, self.ranges[place + 1][1])
        else:
            self.ranges.insert(place + 1, (seq, seq))
        return True

    @property
    def count(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """The inclusive ranges that are missing between the first and the last number that arrived."""
        return [(earlier[1] + 1, later[0] - 1) for earlier, later in pairwise(self.ranges)]

    @property
    def missing(self) -> int:
        return sum(last - first + 1 for first, last in self.gaps)
