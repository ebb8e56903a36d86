"""The sequence numbers received from a gateway, as ranges, from which missing and repeated ones are counted."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from telemetry.ranges import Range

MAX_RANGES = 2_000
"""Limit of ranges. Above it the oldest gap is given up: it remains counted as missing but can no longer be filled."""


@dataclass
class SequenceRanges:
    """Disjoint, ordered, inclusive ranges. If nothing is missing there is one range, however long the history."""

    ranges: list[Range] = field(default_factory=list)
    given_up: int = 0

    def add(self, seqs: Iterable[int] | np.ndarray) -> int:
        """Add numbers in any order. Returns how many of them had been received before."""
        # Python integers: a batch has a few numbers for each of a hundred gateways, and arrays of ten are slower.
        numbers = sorted(seqs.tolist() if isinstance(seqs, np.ndarray) else seqs)
        if not numbers:
            return 0
        distinct = sorted(set(numbers))
        if distinct[-1] - distinct[0] == len(distinct) - 1:
            return len(numbers) - len(distinct) + self.add_range(distinct[0], distinct[-1])
        breaks = [place for place in range(1, len(distinct)) if distinct[place] - distinct[place - 1] > 1]
        edges = zip([0, *breaks], [*breaks, len(distinct)], strict=True)
        known = sum(self.add_range(distinct[begin], distinct[end - 1]) for begin, end in edges)
        return len(numbers) - len(distinct) + known

    def add_range(self, first: int, last: int) -> int:
        """Add an inclusive range. Returns how many of its numbers had been received before."""
        known = self._merge(first, last)
        self._limit()
        return known

    def _merge(self, first: int, last: int) -> int:
        # Ranges that overlap or adjoin it are merged with it.
        begin = bisect_left(self.ranges, first - 1, key=lambda existing: existing[1])
        end = bisect_right(self.ranges, last + 1, key=lambda existing: existing[0])
        merged = self.ranges[begin:end]
        known = sum(max(0, min(last, old[1]) - max(first, old[0]) + 1) for old in merged)
        low = min(first, merged[0][0]) if merged else first
        high = max(last, merged[-1][1]) if merged else last
        self.ranges[begin:end] = [(low, high)]
        return known

    def _limit(self) -> None:
        while len(self.ranges) > MAX_RANGES:
            self.given_up += self.ranges[1][0] - self.ranges[0][1] - 1
            self.ranges[:2] = [(self.ranges[0][0], self.ranges[1][1])]

    def join(self, *others: SequenceRanges) -> None:
        """Add all numbers of other instances. Gaps are given up only where all of them together leave too many."""
        for other in others:
            for first, last in other.ranges:
                self._merge(first, last)
            self.given_up = max(self.given_up, other.given_up)
        self._limit()

    def copy(self) -> SequenceRanges:
        return SequenceRanges(list(self.ranges), self.given_up)

    @property
    def count(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges) - self.given_up

    @property
    def gaps(self) -> list[Range]:
        """The inclusive ranges missing between the first and the last number received."""
        return [(earlier[1] + 1, later[0] - 1) for earlier, later in pairwise(self.ranges)]

    @property
    def missing(self) -> int:
        return sum(last - first + 1 for first, last in self.gaps) + self.given_up

    def to_json(self) -> str:
        return json.dumps(self.ranges, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, given_up: int = 0) -> SequenceRanges:
        return cls([(int(first), int(last)) for first, last in json.loads(text)], given_up)
