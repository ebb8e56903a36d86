"""Figures from which nobody learns what one organisation did. The attacker has all of them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharing_platform.regional_statistics.disclosure import (
    DOMINANCE_PERCENT,
    FEWEST,
    OTHERS_PERCENT,
    Amount,
    Path,
    Published,
    Week,
    atom_of,
    is_difference_of_enough,
    is_of_enough,
    publish,
    rounded,
)
from sharing_platform.regional_statistics.publication import flow_amounts
from sharing_platform.regional_statistics.summary import Key, Measure, Subject
from tests.sharing_platform.regional_statistics.attacker import Elimination, Unknown, bounds, equations, figures

PLACES: list[Path] = [
    ("milling", "north", "Lommel"), ("milling", "north", "Pelt"), ("milling", "south", "Heers"), ("milling", "south", ""), ("milling", "", ""),
    ("turning", "north", "Lommel"), ("turning", "south", "Heers"), ("turning", "south", "Alken"), ("sawing", "south", "Heers"), ("sawing", "", ""),
]  # fmt: skip


def amount(who: str, size: int, path: Path = ("milling", "north", "Lommel")) -> Amount:
    return Amount(path, (who,), size)


sizes = st.integers(1, 400)
regions = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(PLACES), sizes), min_size=3, max_size=40).map(
    lambda rows: [Amount(path, (f"f{who}",), size) for (who, path), size in {(who, path): size for who, path, size in rows}.items()]
)  # fmt: skip


def total_of(amounts: Sequence[Amount]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in amounts:
        found[one.who[0]] += one.size
    return found


@pytest.mark.parametrize(
    ("amounts", "enough"),
    [
        ([100, 100], False),  # two: each knows the other
        ([100, 100, 100], True),
        ([700, 200, 100], True),  # the largest has 70 % exactly
        ([701, 200, 99], False),  # it dominates
        ([600, 350, 50], False),  # the second one would know the largest within a tenth
        ([600, 340, 60], True),
        ([1, 1, 1, 1], True),
        ([], False),
    ],
)
def test_a_figure_is_of_enough(amounts: list[int], enough: bool) -> None:
    assert is_of_enough({str(number): size for number, size in enumerate(amounts)}) is enough


@pytest.mark.parametrize(
    ("now", "before", "enough"),
    [
        ([5, 5, 5, 0], [5, 5, 5, 0], True),  # nothing has changed
        ([5, 5, 5, 9], [5, 5, 5, 0], False),  # one has joined, and nothing else has changed
        ([5, 5, 5, 0], [5, 5, 5, 9], False),  # one has left
        ([9, 5, 5, 5], [5, 5, 5, 5], False),  # one has changed
        ([9, 8, 5, 5], [5, 5, 5, 5], False),  # two: each knows the other
        ([9, 8, 7, 5], [5, 5, 5, 5], True),
        ([6, 6, 5, 90], [5, 5, 5, 0], False),  # one has joined, and is most of the difference
        ([9, 9, 5, 9], [5, 5, 5, 0], True),  # one has joined among others that changed as much
        ([5, 5, 5, 0, 0, 0], [5, 5, 5, 9, 9, 9], True),  # as many have left as a figure needs
    ],
)
def test_a_difference_is_of_enough(now: list[int], before: list[int], enough: bool) -> None:
    of = [{str(number): size for number, size in enumerate(sizes) if size} for sizes in (now, before)]
    assert is_difference_of_enough(*of) is enough


def test_what_may_not_be_shown_is_part_of_the_rest() -> None:
    north = [amount(f"n{number}", 100) for number in range(4)]
    few = [amount("s", 80, ("milling", "south", "Heers"))]
    assert list(publish(north)) == [("milling", "north", "Lommel")]
    found = publish(north + few)
    assert list(found) == [("milling", "", "")], "the total and the north would tell the south"
    many = [amount(f"s{number}", 90, ("milling", "south", f"m{number}")) for number in range(3)]
    assert set(publish(north + many)) == {("milling", "north", "Lommel"), ("milling", "south", "")}
    assert publish(few) == {}
    two_sides = [Amount(("milling", "", ""), (f"p{number}", "one seeker"), 60) for number in range(5)]
    assert publish(two_sides) == {}, "five providers, but one seeker"


def test_what_nobody_is_known_to_have_done_is_counted_from_fifteen_on() -> None:
    assert publish([Amount(("milling", "north"), (), 14)]) == {}, "two who search on each day of a week"
    assert list(publish([Amount(("milling", "north"), (), 15)])) == [("milling", "north")]
    few = [Amount((kind, "north"), (), 14) for kind in ("turning", "sawing", "boring")]
    assert publish(few) == {}, "the same two, who look for three processes"
    several = [*few, Amount(("milling", "north"), (), 9), Amount(("milling", "south"), (), 6)]
    assert list(publish(several)) == [("milling", "")]


days_of_visitors = st.lists(st.sampled_from([7, 7, 6, 3, 1]), max_size=5)
searches = st.dictionaries(
    st.sampled_from(["milling", "turning", "sawing"]), st.tuples(days_of_visitors, st.integers(1, 3)), min_size=1
)


@given(searches)
def test_at_least_three_have_searched(searched: dict[str, tuple[list[int], int]]) -> None:
    """As `SearchCounter` counts: each visitor once a day for a process, in the area of that search."""
    by_place: defaultdict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
    for kind, (of_visitors, areas) in searched.items():
        for visitor, days in enumerate(of_visitors):
            for day in range(days):
                by_place[kind, ("north", "south", "")[(visitor + day) % areas], ""][visitor] += 1
    told = publish(Amount(path, (), of_visitor.total()) for path, of_visitor in by_place.items())
    for own in figures(told).values():
        together = sum((by_place[one.path[0], one.path[1], ""] for one in own), Counter[int]())
        assert len(together) >= FEWEST
        assert max(together.values()) <= 0.47 * together.total()


@given(regions)
def test_every_amount_is_in_one_atom_of_enough(region: list[Amount]) -> None:
    atoms = publish(region)
    shown = [one for own in atoms.values() for one in own]
    assert len(shown) in (0, len(region)), "all of a week, or nothing"
    assert sorted(shown, key=repr) == sorted(shown and region, key=repr)
    for path, own in atoms.items():
        assert all(atom_of(one.path, atoms) == path for one in own)
    for own in figures(atoms).values():
        assert is_of_enough(total_of(own))


@settings(max_examples=25)
@given(regions, st.randoms(use_true_random=False))
def test_nobody_is_known_more_closely_than_stated(region: list[Amount], chance: random.Random) -> None:
    """From outside, anything between nothing and half as much again; for another organisation, a tenth more."""
    atoms = publish(region)
    if not atoms:
        return
    told = equations([atoms])
    aim, insider = chance.sample(sorted(total_of(region)), 2)
    wanted: list[Unknown] = [(0, aim, one.path) for one in region if one.who[0] == aim]
    true = sum(one.size for one in region if one.who[0] == aim)
    least, most = bounds(told, wanted, {})
    assert least <= 1e-6
    assert most >= true * 100 / DOMINANCE_PERCENT - 1e-6
    own = {(0, insider, one.path): one.size for one in region if one.who[0] == insider}
    least, most = bounds(told, wanted, own)
    assert least <= 1e-6
    assert most >= true * (100 + OTHERS_PERCENT) / 100 - 1e-6


changes = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(PLACES), st.integers(0, 400)), max_size=4)


@settings(max_examples=150)
@given(regions, changes, changes)
def test_subtracting_weeks_tells_nobody(
    region: list[Amount], second: list[tuple[int, Path, int]], third: list[tuple[int, Path, int]]
) -> None:
    """The attacker even knows who did as much as in an earlier week; a factory joins, leaves or changes."""
    weeks, published = [region], [publish(region)]
    for change in (second, third):
        held = {(one.who[0], one.path): one.size for one in weeks[-1]} | {
            (f"f{who}", path): size for who, path, size in change
        }
        weeks.append([Amount(path, (who,), size) for (who, path), size in held.items() if size])
        published.append(publish(weeks[-1], [Week(one) for one in published]))
    first_seen: dict[tuple[str, Path, int], Unknown] = {}
    same: dict[Unknown, Unknown] = {}
    for number, week in enumerate(weeks):
        for one in week:
            unknown = (number, one.who[0], one.path)
            same[unknown] = first_seen.setdefault((one.who[0], one.path, one.size), unknown)
    attacker = Elimination(equations(published, same))
    for unknown in set(same.values()):
        assert not attacker.knows({unknown: 1}), unknown
    for who, path in {(one.who[0], one.path) for week in weeks for one in week}:
        values = {unknown for unknown in same.values() if unknown[1:] == (who, path)}
        for now in values:
            for before in values - {now}:
                assert not attacker.knows({now: 1, before: -1}), (now, before)


def test_a_factory_that_joins_waits_among_others() -> None:
    """Its neighbours hold the same hours free each week; what is new would be its own."""
    steady = [amount(f"n{number}", 2880) for number in range(4)]
    elsewhere = [amount(f"s{number}", 600 + number, ("milling", "south", "Heers")) for number in range(4)]
    first = publish(steady + elsewhere)
    assert set(first) == {("milling", "north", "Lommel"), ("milling", "south", "Heers")}
    joined = [*steady, *elsewhere, amount("new", 1440)]
    assert publish(joined, [Week(first)]) == {}, "nothing else has changed anywhere"
    moved = [amount(f"s{number}", 900 + 200 * number, ("milling", "south", "Heers")) for number in range(4)]
    second = publish([*steady, amount("new", 1440), *moved], [Week(first)])
    assert set(second) == {("milling", "", "")}
    assert set(publish(joined)) == set(first), "long after, nobody knows any more that all others stood still"


def test_quarters_of_the_same_weeks_more_or_less_often_tell_nobody() -> None:
    """Three have the same hours again and again: all twice, then three, three and four times. The second quarter less one and a half times the first would be the third one's week."""
    hours = {"a": 600, "b": 780, "c": 540}
    atoms = {("milling", "hasselt_genk", "")}

    def quarter(**times: int) -> list[Amount]:
        keys = {who: Key(date(2026, 1, 5), Subject.MACHINE, Measure.KEPT, "milling", "Genk", "Bree", who, f"from {who}") for who in hours}  # fmt: skip
        return flow_amounts(
            ({keys[who]: hours[who] for who, count in times.items() if number < count}, atoms) for number in range(13)
        )

    first, second = quarter(a=2, b=2, c=2), quarter(a=3, b=3, c=4)
    told = publish(first)
    assert [sum(one.size for one in own) for own in told.values()] == [2 * sum(hours.values())]
    assert publish(second), "by itself"
    assert publish(second, [Week.of(first, told.keys())]) == {}


def test_weeks_are_compared_from_what_was_kept_of_them() -> None:
    region = [amount(f"n{number}", 100) for number in range(4)]
    atoms: Published = publish(region)
    assert Week.of(region, atoms.keys()).at(("milling",)) == Week(atoms).at(("milling",)) == region


@pytest.mark.parametrize(
    ("size", "base", "to"), [(0, 10, 0), (4, 10, 0), (5, 10, 0), (15, 10, 20), (25, 10, 20), (26, 10, 30), (14, 5, 15)]
)
def test_rounding(size: int, base: int, to: int) -> None:
    assert rounded(size, base) == to


def test_rounding_has_no_bias() -> None:
    assert sum(rounded(size, 10) - size for size in range(2000)) == 0


def test_the_stated_rule() -> None:
    assert (FEWEST, DOMINANCE_PERCENT, OTHERS_PERCENT) == (3, 70, 10)
