"""Where an organisation is, by its own answers and among other factories, as the styleguide shows it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sharing_platform.comparison.charts import bar_of
from sharing_platform.comparison.quartiles import LEAST
from sharing_platform.comparison.schemas import ComparedClass, ComparedFigure, QuartilesOut
from sharing_platform.i18n import Translator
from sharing_platform.organisations.models import Organisation
from sharing_platform.self_assessment.charts import radar
from sharing_platform.self_assessment.levels import Answer, Goal, Standing, is_reached, next_steps
from sharing_platform.self_assessment.questionnaire import (
    LEVELS,
    editions,
    newest,
    question_texts,
    texts_of,
    transformations,
)
from sharing_platform.self_assessment.records import Strength
from sharing_platform.styleguide.machine_samples import BEGIN
from sharing_platform.styleguide.samples import listing_samples

_TODAY = date(2026, 3, 2)
_A_YEAR_AGO = date(2025, 3, 2)
_NOW, _THEN = (2.8, 2.2, 1.4, 2.4, 1.8, 1.4, 1.2), (1.8, 0.8, 1.4, 1.4, 1.0, 0.6, None)


def _standings(levels: tuple[float | None, ...]) -> dict[str, Standing]:
    return {
        name: Standing(name, level, 1 if level is not None else None, 5 if level is not None else 3, 5)
        for name, level in zip(transformations(), levels, strict=True)
    }


def assessment_samples(language: str) -> dict[str, Any]:
    """A radar with a goal that is reached, one that is missed and a level that was not known then; what to do next; a question, and whom to ask."""
    names, texts = transformations(), texts_of(language)
    now, then = _standings(_NOW), _standings(_THEN)
    days = {names[0]: (2, date(2026, 9, 1)), names[2]: (3, date(2026, 2, 1)), names[4]: (3, date(2026, 12, 31))}
    goals = {name: Goal(name, level, day) for name, (level, day) in days.items()}
    questions = newest().questions[names[1]]
    held = {one: Answer(one, number, _TODAY, 1) for number, one in enumerate(questions)}
    shapes = radar(
        {name: one.level for name, one in now.items()},
        {name: one.level for name, one in then.items()},
        {name: goal.level for name, goal in goals.items()},
    )
    return {
        "texts": texts, "questions": question_texts(language), "now_at": now, "before": then, "shape": shapes, "goals": goals, "today": _TODAY, "compared": _A_YEAR_AGO,
        "first": _A_YEAR_AGO, "reached": {name for name, goal in goals.items() if is_reached(goal, now[name].level)},
        "steps": next_steps(held, goals, editions()), "levels": LEVELS, "transformation": names[1], "asked_question": questions[2], "held_answer": held[questions[2]],
        "strength": _strength(names[1], questions[:3]), "learns": {questions[0]}, "now": BEGIN,
    }  # fmt: skip


def _strength(transformation: str, questions: tuple[str, ...]) -> Any:
    owner = Organisation(id="maes", name="Maes Metaal", place="Genk")
    know_how = next(one for one in listing_samples() if one.kind == "know_how")
    return Strength(owner, transformation, questions, know_how)  # type: ignore[arg-type]  # the template reads what both kinds of listing have


def among_others_samples(t: Translator) -> dict[str, Any]:
    """A process class with quartiles, and one in which too few are compared."""

    def figure(name: str, own: int | None, *quartiles: int) -> ComparedFigure:
        found = QuartilesOut(lower=quartiles[0], median=quartiles[1], upper=quartiles[2], within=20) if quartiles else None  # fmt: skip
        return ComparedFigure(name=name, own=own, strays=None if own is None else 28, quartiles=found)

    months = ["2025-05", "2025-08", "2025-11", "2026-02"]
    classes = [
        ComparedClass(process_class=3, months=months, figures=[figure("availability", 44, 45, 50, 60), figure("energy_while_idle", None, 5, 15, 20), figure("idle", 19, 15, 20, 30)]),
        ComparedClass(process_class=4, months=months[3:], figures=[figure("availability", 61), figure("idle", 25)]),
    ]  # fmt: skip
    return {
        "compared_classes": classes, "least": LEAST, "reasons": ("idle",), "compared_months": ", ".join(t.month(date.fromisoformat(f"{one}-01")) for one in months),
        "quartile_bars": {(one.process_class, each.name): bar_of(each) for one in classes for each in one.figures},
    }  # fmt: skip
