"""What answers say, over values: levels, editions, next steps, the radar's shapes."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.self_assessment.charts import radar
from sharing_platform.self_assessment.levels import (
    MOST_MOMENTS,
    Answer,
    Goal,
    a_year_before,
    answers_on,
    moments,
    next_steps,
    standing,
)
from sharing_platform.self_assessment.questionnaire import Edition

DAY = date(2026, 3, 2)
FIRST = Edition(1, {"digital": ("data", "orders"), "eco": ("energy", "waste")})
SECOND = Edition(2, {"digital": ("data", "orders", "security"), "eco": ("energy", "water")})


def held(**levels: int | None) -> dict[str, Answer]:
    return {name: Answer(name, level, DAY, 1) for name, level in levels.items()}


@pytest.mark.parametrize(
    ("answers", "editions", "expected"),
    [
        ({}, [FIRST], (None, None, 0, 2)),
        ({"data": 3}, [FIRST], (None, None, 1, 2)),
        ({"data": 3, "orders": 2}, [FIRST], (2.5, 1, 2, 2)),
        ({"data": 3, "orders": None}, [FIRST], (3, 1, 2, 2)),
        ({"data": None, "orders": None}, [FIRST], (None, 1, 2, 2)),
        # A new edition asks one question more: until it is answered, the level is that of the edition before.
        ({"data": 3, "orders": 2}, [FIRST, SECOND], (2.5, 1, 2, 3)),
        ({"data": 3, "orders": 2, "security": 1}, [FIRST, SECOND], (2, 2, 3, 3)),
    ],
)
def test_a_level_is_of_an_edition_that_is_answered_as_a_whole(
    answers: dict[str, int | None], editions: list[Edition], expected: tuple[float | None, int | None, int, int]
) -> None:
    found = standing("digital", held(**answers), editions)
    assert (found.level, found.edition, found.answered, found.asked) == expected


def test_a_question_that_is_asked_no_more_counts_in_its_own_edition_alone() -> None:
    answers = held(energy=4, waste=0)
    assert standing("eco", answers, [FIRST, SECOND]).level == 2, "nobody has answered about water yet"
    assert standing("eco", answers | held(water=4), [FIRST, SECOND]).level == 4


@given(st.lists(st.tuples(st.sampled_from(["data", "orders"]), st.integers(0, 4), st.integers(0, 30))))
def test_the_last_answer_before_a_day_holds_on_it(rows: list[tuple[str, int, int]]) -> None:
    """Of any history, in any order: what a later answer says changes nothing of the past."""
    given_once = {(name, after): level for name, level, after in rows}
    answers = [Answer(name, level, DAY + timedelta(after), 1) for (name, after), level in given_once.items()]
    for after in range(31):
        held_then = answers_on(DAY + timedelta(after), answers)
        assert held_then == answers_on(DAY + timedelta(after), answers[::-1])
        for name in ("data", "orders"):
            before = [one for one in answers if one.question == name and one.day <= DAY + timedelta(after)]
            assert held_then.get(name) == max(before, key=lambda one: one.day, default=None)


def test_next_steps_follow_goals_then_what_is_lowest() -> None:
    answers = held(data=2, orders=3, energy=0, waste=1)
    assert [one.question for one in next_steps(answers, {}, [FIRST])] == ["energy", "waste", "data", "orders"]
    goals = {"digital": Goal("digital", 3, DAY)}
    first, second, *others = next_steps(answers, goals, [FIRST])
    assert (first.question, first.level, second.question, second.level) == ("data", 3, "orders", 4)
    assert [one.question for one in others] == ["energy", "waste"]
    reached = {"digital": Goal("digital", 2, DAY)}
    assert [one.transformation for one in next_steps(answers, reached, [FIRST])] == ["eco", "eco"]
    assert next_steps(held(data=4, orders=None), {}, [FIRST]) == [], "there is nothing above, and nothing unanswered"


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        (DAY, [DAY]),
        (date(2025, 11, 20), [date(2025, 12, 31), DAY]),
        (date(2025, 9, 30), [date(2025, 9, 30), date(2025, 12, 31), DAY]),
    ],
)
def test_a_history_shows_ends_of_quarters_and_today(first: date, shown: list[date]) -> None:
    assert moments(first, DAY) == shown
    assert len(moments(date(2000, 1, 1), DAY)) == MOST_MOMENTS


def test_a_leap_day_has_a_day_a_year_before() -> None:
    assert [a_year_before(day) for day in (date(2028, 2, 29), DAY)] == [date(2027, 2, 28), date(2025, 3, 2)]


def test_a_radar_closes_where_all_is_known_and_leaves_gaps_else() -> None:
    names = ("a", "b", "c", "d")
    whole = radar(dict.fromkeys(names, 4.0), dict.fromkeys(names), {"a": 2}, 100)
    assert whole.now.area == "0.0,-100.0 100.0,-0.0 0.0,100.0 -100.0,0.0"
    assert (whole.before, whole.goals) == (None, [(0.0, -50.0)])
    assert [axis.anchor for axis in whole.axes] == ["middle", "start", "middle", "end"]
    partly = radar({"a": 4.0, "b": 2.0, "c": None, "d": 0.0}, dict.fromkeys(names, 1.0), {}, 100)
    assert (partly.now.area, len(partly.now.dots), partly.now.path.count("M")) == ("", 3, 2), "from d by a to b"
    assert partly.before is not None


@given(st.lists(st.floats(0, 4), min_size=7, max_size=7))
def test_a_dot_is_as_far_from_the_middle_as_its_level(levels: list[float]) -> None:
    drawn = radar({str(number): level for number, level in enumerate(levels)}, {}, {}, 130)
    assert [math.hypot(*dot) for dot in drawn.now.dots] == pytest.approx([130 * level / 4 for level in levels])
