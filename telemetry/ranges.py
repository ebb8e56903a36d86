"""Sets of sequence numbers as disjoint, ordered, inclusive ranges, such as [(1, 40), (43, 50)]. All functions are pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Range = tuple[int, int]
Ranges = Sequence[Range]


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """The ranges of numbers in any order, repeated or not."""
    found: list[Range] = []
    for number in sorted(numbers):
        if found and number <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], number))
        else:
            found.append((number, number))
    return found


def union(*sets: Ranges) -> list[Range]:
    """What is in any of them; ranges that overlap or adjoin become one."""
    found: list[Range] = []
    for first, last in sorted(one for ranges in sets for one in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def difference(ranges: Ranges, without: Ranges) -> list[Range]:
    """What is in `ranges` and not in `without`."""
    found: list[Range] = []
    place = 0
    for first, last in ranges:
        while place < len(without) and without[place][1] < first:
            place += 1
        rest, at = first, place
        while rest <= last:
            if at == len(without) or without[at][0] > last:
                found.append((rest, last))
                break
            if without[at][0] > rest:
                found.append((rest, without[at][0] - 1))
            rest = without[at][1] + 1
            at += 1
    return found


def intersection(ranges: Ranges, other: Ranges) -> list[Range]:
    """What is in both."""
    return difference(ranges, difference(ranges, other))


def contains(ranges: Ranges, number: int) -> bool:
    place = bisect_left(ranges, number, key=lambda one: one[1])
    return place < len(ranges) and ranges[place][0] <= number


def count(ranges: Ranges) -> int:
    """How many numbers they hold."""
    return sum(last - first + 1 for first, last in ranges)
