"""What answers say: the level of each transformation on a day, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sharing_platform.self_assessment.questionnaire import LEVELS, Edition

MOST_MOMENTS = 8
_STEPS, _OF_ONE = 5, 2


@dataclass(frozen=True)
class Answer:
    """`level` None: the question does not apply. It holds from `day` until the next one. `edition`: in which it was asked."""

    question: str
    level: int | None
    day: date
    edition: int


@dataclass(frozen=True)
class Goal:
    """To be reached by `day`."""

    transformation: str
    level: int
    day: date


@dataclass(frozen=True)
class Standing:
    """`level`: the mean of all answers that apply, of the newest edition whose questions are all answered; None where there is none, or nothing applies. `answered` of
    `asked` questions of the newest edition have an answer."""

    transformation: str
    level: float | None
    edition: int | None
    answered: int
    asked: int

    @property
    def complete(self) -> bool:
        """Whether all that is asked now has an answer."""
        return self.answered == self.asked


def answers_on(day: date, answers: Iterable[Answer]) -> dict[str, Answer]:
    """The answer to each question that held on a day."""
    held: dict[str, Answer] = {}
    for one in answers:
        if one.day <= day and (one.question not in held or one.day > held[one.question].day):
            held[one.question] = one
    return held


def standing(transformation: str, held: Mapping[str, Answer], editions: Sequence[Edition]) -> Standing:
    """`held`: answers that hold on the same day. `editions`: the newest last. A question that two editions share means the same in both."""
    newest = editions[-1].questions[transformation]
    level, of = None, None
    for edition in reversed(editions):
        questions = edition.questions.get(transformation, ())
        if questions and all(one in held for one in questions):
            applying = [found for one in questions if (found := held[one].level) is not None]
            level, of = sum(applying) / len(applying) if applying else None, edition.number
            break
    return Standing(transformation, level, of, sum(one in held for one in newest), len(newest))


def standings(day: date, answers: Iterable[Answer], editions: Sequence[Edition]) -> dict[str, Standing]:
    """Of all transformations on a day."""
    held = answers_on(day, answers)
    return {one: standing(one, held, editions) for one in editions[-1].questions}


def is_reached(goal: Goal, level: float | None) -> bool:
    return level is not None and level >= goal.level


@dataclass(frozen=True)
class Step:
    """The level above the one that a question has now."""

    transformation: str
    question: str
    level: int


def next_steps(held: Mapping[str, Answer], goals: Mapping[str, Goal], editions: Sequence[Edition]) -> list[Step]:
    """What comes first: goals that are not reached, by their day; then transformations and questions with the lowest level. A few of each, so that nobody is asked to do everything."""
    found = []
    for transformation, questions in editions[-1].questions.items():
        level = standing(transformation, held, editions).level
        goal = goals.get(transformation)
        if goal is not None and is_reached(goal, level):
            continue
        wanted = goal.day if goal is not None else date.max
        steps = steps_of(transformation, questions, held)[:_OF_ONE]
        found += [((wanted, level or 0, one.level, number), one) for number, one in enumerate(steps)]
    return [step for _, step in sorted(found, key=lambda one: one[0])][:_STEPS]


def steps_of(transformation: str, questions: Iterable[str], held: Mapping[str, Answer]) -> list[Step]:
    """Of one transformation, the lowest first."""
    steps = [
        Step(transformation, one, level + 1)
        for one in questions
        if one in held and (level := held[one].level) is not None and level < LEVELS[-1]
    ]
    return sorted(steps, key=lambda step: step.level)


def moments(first: date, today: date) -> list[date]:
    """The days that a history shows: today, and the ends of the quarters before it as far back as the first answer; the earliest first."""
    found = [today]
    day = _end_of_quarter_before(today)
    while day >= first and len(found) < MOST_MOMENTS:
        found.append(day)
        day = _end_of_quarter_before(day)
    return found[::-1]


def _end_of_quarter_before(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1) - timedelta(days=1)


def a_year_before(day: date) -> date:
    """The same day a year earlier; 28 February for a leap day."""
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)
