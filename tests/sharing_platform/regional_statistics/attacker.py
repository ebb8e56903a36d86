"""Somebody who has every published figure and calculates: exactly by elimination, and bounds by linear programming. Knows nothing of how atoms are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from sharing_platform.regional_statistics.disclosure import Amount, Path, Published

Unknown = tuple[int, str, Path]
"""What one organisation did: week, organisation, place."""
Equations = list[tuple[Mapping[Unknown, int], int]]


def figures(atoms: Published) -> dict[tuple[Path, bool], Sequence[Amount]]:
    """All that pages and files say of a week: each atom, and each total of a branch."""
    found: dict[tuple[Path, bool], list[Amount]] = {}
    for path, amounts in atoms.items():
        found[path, True] = list(amounts)
        for length in range(len(path)):
            found.setdefault((path[:length], False), []).extend(amounts)
    return dict(found)


def equations(weeks: Sequence[Published], same: Mapping[Unknown, Unknown] | None = None) -> Equations:
    """One for each figure. `same`: what the attacker knows not to have changed since an earlier week."""
    found: Equations = []
    for number, atoms in enumerate(weeks):
        for amounts in figures(atoms).values():
            terms: dict[Unknown, int] = {}
            for one in amounts:
                unknown = (number, one.who[0], one.path)
                known = (same or {}).get(unknown, unknown)
                terms[known] = terms.get(known, 0) + 1
            found.append((terms, sum(one.size for one in amounts)))
    return found


class Elimination:
    """The sums that follow from the figures exactly, as a basis in echelon form over the rational numbers."""

    def __init__(self, told: Equations) -> None:
        self._rows: dict[Unknown, dict[Unknown, Fraction]] = {}
        for terms, _ in told:
            left = self._reduce({unknown: Fraction(times) for unknown, times in terms.items()})
            if left:
                first = min(left)
                self._rows[first] = {unknown: value / left[first] for unknown, value in left.items()}

    def knows(self, wanted: Mapping[Unknown, int]) -> bool:
        """Whether a sum can be calculated."""
        return not self._reduce({unknown: Fraction(times) for unknown, times in wanted.items()})

    def _reduce(self, terms: dict[Unknown, Fraction]) -> dict[Unknown, Fraction]:
        for first in sorted(self._rows):
            if times := terms.get(first):
                for unknown, value in self._rows[first].items():
                    terms[unknown] = terms.get(unknown, Fraction(0)) - times * value
                terms = {unknown: value for unknown, value in terms.items() if value}
        return terms


def bounds(told: Equations, wanted: Iterable[Unknown], known: Mapping[Unknown, int]) -> tuple[float, float]:
    """Between which values a sum must lie, as nobody did less than nothing. `known`: what the attacker did itself."""
    unknowns = sorted({unknown for terms, _ in told for unknown in terms})
    column = {unknown: number for number, unknown in enumerate(unknowns)}
    matrix, right = np.zeros((len(told), len(unknowns))), np.array([float(value) for _, value in told])
    for row, (terms, _) in enumerate(told):
        for unknown, times in terms.items():
            matrix[row, column[unknown]] = times
    limits = [(known.get(one, 0), known.get(one)) for one in unknowns]
    aim = np.zeros(len(unknowns))
    for one in wanted:
        aim[column[one]] = 1
    from scipy.optimize import linprog  # two hundred modules, which other tests need not load

    least, most = (linprog(sign * aim, A_eq=matrix, b_eq=right, bounds=limits, method="highs") for sign in (1, -1))
    assert least.success, least.message
    assert most.success, most.message
    return least.fun, -most.fun
