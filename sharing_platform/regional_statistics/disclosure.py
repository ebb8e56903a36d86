"""Which figures of a week may be published so that nobody learns what one organisation did. Pure; why so: decision 73.

A week's amounts are split into atoms: a place in a tree of names (process, area, municipality) of its own, or the rest of a branch. Each amount is in exactly one
atom, and nothing is published but atoms and sums of them. Whatever somebody adds and subtracts, in one week or over many, is therefore made of whole atoms, and every
atom is of enough organisations, none of which dominates it. Of what is counted without who did it, kinds with too little are left out, and are part of no figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import zip_longest

Path = tuple[str, ...]
"""From the root of the tree down; empty names at the end stand for the rest of the branch."""

FEWEST = 3
"""Organisations that a figure is made of."""
DOMINANCE_PERCENT = 70
"""The largest share that one of them may have."""
OTHERS_PERCENT = 10
"""How large, beside the largest, all but the two largest must be together: the second one knows its own amount, and could estimate the largest one more closely."""
MOST_OF_UNKNOWN = 7
"""Things of a kind that one of those whom nobody knows can have done in a week: one a day."""
FEWEST_UNNAMED = 2 * MOST_OF_UNKNOWN + 1
"""Things that a figure counts where nobody is known to have done them. At least three have done so many, and none of them more than 47 %."""


@dataclass(frozen=True)
class Amount:
    """`who`: the organisations it is an amount of, the provider first; empty: nobody is known. `size`: in whole minutes, or a number."""

    path: Path
    who: tuple[str, ...]
    size: int


Published = Mapping[Path, Sequence[Amount]]
"""The atoms of a week, with what they are made of."""


class Week:
    """What an earlier week published, to compare with: the amounts of each branch and atom."""

    def __init__(self, atoms: Published) -> None:
        self.atoms = atoms
        self._amounts: defaultdict[Path, list[Amount]] = defaultdict(list)
        for path, amounts in atoms.items():
            for branch in {path[:length] for length in range(len(path) + 1)}:
                self._amounts[branch] += amounts

    @classmethod
    def of(cls, amounts: Iterable[Amount], atoms: Collection[Path]) -> Week:
        """From the places of the atoms, and all amounts of that week."""
        found: defaultdict[Path, list[Amount]] = defaultdict(list)
        for amount in amounts:
            place = atom_of(amount.path, atoms)
            if place is not None:
                found[place].append(amount)
        return cls(found)

    def at(self, path: Path) -> Sequence[Amount] | None:
        """What a figure was made of; None where there was none."""
        return self._amounts.get(path)


def atom_of(path: Path, atoms: Collection[Path]) -> Path | None:
    """The atom that an amount is counted in: its own place, or the rest of the nearest branch that is published."""
    for length in range(len(path), -1, -1):
        place = path[:length] + ("",) * (len(path) - length)
        if place in atoms:
            return place
    return None


def publish(amounts: Iterable[Amount], earlier: Sequence[Week] = ()) -> Published:
    """The atoms of a week. Amounts whose place is not known, or must not be told, have empty names at the end of their path. Empty: nothing can be published.

    `earlier`: weeks that are near enough to be compared with this one."""
    known = [one for one in amounts if one.size > 0]
    if known and not known[0].who:
        return _publish_unnamed(known)
    return (_split(known, (), Memory.of(earlier)) if known else None) or {}


def _publish_unnamed(amounts: Iterable[Amount]) -> Published:
    """Each kind by itself, or not at all: who does things of several kinds could be alone in a rest of them."""
    found: dict[Path, Sequence[Amount]] = {}
    for kind, own in _by_name(amounts, 0).items():
        found |= _split(own, (kind,), Memory.of(())) or {}
    return found


@dataclass(frozen=True)
class Memory:
    """`seen`: the amounts of which the earlier weeks' atoms are made."""

    weeks: Sequence[Week]
    seen: Set[Amount]

    @classmethod
    def of(cls, weeks: Sequence[Week]) -> Memory:
        return cls(weeks, {one for week in weeks for own in week.atoms.values() for one in own})

    def may_follow(self, place: Path, amounts: Sequence[Amount]) -> bool:
        """Whether an atom tells nothing that can be taken apart with what was published before: enough organisations have amounts in it that no earlier atom has, or
        it repeats one of them. With fewer, atoms of several weeks could be combined so that only those were left, if somebody knew who had not changed."""
        new = _sides(one for one in amounts if one not in self.seen)
        if not amounts[0].who or (new and all(len(side) >= FEWEST for side in new)):
            return True
        return any(Counter(week.atoms.get(place, ())) == Counter(amounts) for week in self.weeks)


def _split(amounts: Sequence[Amount], branch: Path, memory: Memory) -> Published | None:
    """The atoms of a branch; None where it cannot be published, and is part of the rest of a larger one."""
    depth = len(amounts[0].path)
    if not _is_publishable(amounts) or not all(_differ_enough(amounts, week.at(branch)) for week in memory.weeks):
        return None
    if len(branch) == depth:
        return {branch: amounts} if memory.may_follow(branch, amounts) else None
    shown: dict[str, tuple[Published, Sequence[Amount]]] = {}
    rest: list[Amount] = []
    for name, own in sorted(_by_name(amounts, len(branch)).items()):
        atoms = _split(own, (*branch, name), memory) if name else None
        if atoms is None:
            rest += own
        else:
            shown[name] = atoms, own
    rest_of = branch + ("",) * (depth - len(branch))
    while not _rest_is_publishable(branch, rest_of, amounts, rest, shown.keys(), memory):
        if not shown:
            return None
        smallest = min(shown, key=lambda name: (_size(shown[name][1]), name))
        rest += shown.pop(smallest)[1]
    found = {path: own for atoms, _ in shown.values() for path, own in atoms.items()}
    return found | {rest_of: rest} if rest else found


def _rest_is_publishable(
    branch: Path,
    rest_of: Path,
    amounts: Iterable[Amount],
    rest: Sequence[Amount],
    shown: Collection[str],
    memory: Memory,
) -> bool:
    """What of a branch is not shown by itself can be calculated. Of two weeks, so can what was not shown by itself in both."""
    if rest and not (_is_publishable(rest) and memory.may_follow(rest_of, rest)):
        return False
    level = len(branch)
    for week in memory.weeks:
        common = {name for name in shown if week.at((*branch, name)) is not None}
        then = [one for one in week.at(branch) or () if one.path[level] not in common]
        if then and not _differ_enough([one for one in amounts if one.path[level] not in common], then):
            return False
    return True


def _by_name(amounts: Iterable[Amount], level: int) -> Mapping[str, list[Amount]]:
    found: defaultdict[str, list[Amount]] = defaultdict(list)
    for one in amounts:
        found[one.path[level]].append(one)
    return found


def _size(amounts: Iterable[Amount]) -> int:
    return sum(one.size for one in amounts)


def _is_publishable(amounts: Iterable[Amount]) -> bool:
    sides = _sides(amounts)
    return all(is_of_enough(side) for side in sides) if sides else _size(amounts) >= FEWEST_UNNAMED


def _differ_enough(now: Iterable[Amount], before: Iterable[Amount] | None) -> bool:
    """`before`: None where nothing was published to compare with."""
    if before is None:
        return True
    pairs: Iterable[tuple[Counter[str], Counter[str]]] = zip_longest(_sides(now), _sides(before), fillvalue=Counter())
    return all(is_difference_of_enough(own, old) for own, old in pairs)


def _sides(amounts: Iterable[Amount]) -> list[Counter[str]]:
    """How much each organisation has, as provider and as seeker."""
    sides: list[Counter[str]] = []
    for one in amounts:
        while len(sides) < len(one.who):
            sides.append(Counter())
        for side, who in zip(sides, one.who, strict=True):
            side[who] += one.size
    return sides


def is_of_enough(sizes: Mapping[str, int]) -> bool:
    """Whether a figure is of enough organisations, and tells none of them what another one has."""
    ordered = sorted(sizes.values(), reverse=True)
    if len(ordered) < FEWEST:
        return False
    others = sum(ordered[2:])
    return ordered[0] * 100 <= DOMINANCE_PERCENT * sum(ordered) and others * 100 >= OTHERS_PERCENT * ordered[0]


def is_difference_of_enough(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    """Whether subtracting one figure from another tells too little of those that came, went or changed.

    A difference is a figure, too: enough organisations must have moved, or none at all, and where fewer than that came or went, they must not dominate it."""
    moved = {
        who: abs(now.get(who, 0) - before.get(who, 0))
        for who in now.keys() | before.keys()
        if now.get(who, 0) != before.get(who, 0)
    }
    if not moved:
        return True
    if len(moved) < FEWEST:
        return False
    changed = now.keys() ^ before.keys()
    dominates = sum(moved[who] for who in changed) * 100 > DOMINANCE_PERCENT * sum(moved.values())
    return not (0 < len(changed) < FEWEST and dominates)


def rounded(size: int, base: int) -> int:
    """To the nearest multiple of `base`, halves to the even one: the same figure is always rounded alike, and roundings do not add up in one direction."""
    whole, left = divmod(size, base)
    up = left * 2 > base or (left * 2 == base and whole % 2 == 1)
    return (whole + up) * base
