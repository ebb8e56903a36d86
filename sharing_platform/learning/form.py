"""The form of a post: from its fields to the request of the API, and back. What it asks depends on the kind."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from sharing_platform.learning.details import (
    DETAILS,
    Figure,
    InterestDetails,
    MeetingDetails,
    QuestionDetails,
    StoryDetails,
)
from sharing_platform.learning.schemas import REQUESTS, PostIn, PostOut
from sharing_platform.listings.form import form_of_sessions, sessions_of_form
from sharing_platform.pages import Form, decimal_point, split_lines, validate_form

_FIGURE = ("label", "before", "after", "unit")


def post_of_form(kind: str, form: Form, zone: ZoneInfo) -> tuple[PostIn | None, dict[str, str]]:
    """The request that a form makes, or the names of the fields that are wrong."""
    details, problems = validate_form(DETAILS[kind], _details(kind, form, zone))
    fields: dict[str, Any] = {"kind": kind, "title": form.get("title"), "text": form.get("text")}
    if kind == "interest":
        fields["people"] = form.get("people")
    if details is not None:
        fields["details"] = details
    wanted, wrong = validate_form(REQUESTS[kind], fields)
    if details is None:
        wrong.pop("details", None)
        return None, problems | wrong
    return wanted, wrong


def _details(kind: str, form: Form, zone: ZoneInfo) -> dict[str, Any]:
    own: dict[str, Any] = {"process": form.get("process"), "transformation": form.get("transformation")}
    match kind:
        case "story":
            return own | {
                "problem": form.get("problem"), "approach": form.get("approach"), "result": form.get("result"), "figures": _figures(form),
            }  # fmt: skip
        case "meeting":
            return own | {
                "form": form.get("form"), "place": form.get("place"), "address": form.get("address"), "seats": form.get("seats"),
                "languages": split_lines(form.get("languages")), "sessions": sessions_of_form(form, zone),
            }  # fmt: skip
        case "interest":
            return own | {
                "month": form.get("month"), "place": form.get("place"), "languages": split_lines(form.get("languages")),
            }  # fmt: skip
        case _:
            return own


def _figures(form: Form) -> list[dict[str, Any]]:
    """A row of the form that is not filled in counts for nothing; one that is filled in halfway is wrong."""
    columns = [form.get(f"figure_{name}", "").split("\n") for name in _FIGURE]
    return [
        {"label": label, "before": decimal_point(before), "after": decimal_point(after), "unit": unit}
        for label, before, after, unit in zip_longest(*columns, fillvalue="")
        if any(one.strip() for one in (label, before, after, unit))
    ]


def form_of_post(post: PostOut, zone: ZoneInfo, people: int = 0) -> Form:
    """The fields of the form that shows it. `people`: for how many the organisation wants a training."""
    common = {
        "title": post.title, "text": post.text, "process": post.details.process, "transformation": post.details.transformation or "",
    }  # fmt: skip
    match post.details:
        case StoryDetails() as d:
            own = {"problem": d.problem, "approach": d.approach, "result": d.result}
            return common | own | _form_of_figures(d.figures)
        case MeetingDetails() as d:
            own = {
                "form": d.form, "place": d.place, "address": d.address, "seats": str(d.seats), "languages": "\n".join(d.languages),
            }  # fmt: skip
            return common | own | form_of_sessions(d.sessions, zone)
        case InterestDetails() as d:
            own = {"month": d.month or "", "place": d.place, "languages": "\n".join(d.languages)}
            return common | own | {"people": str(people or 1)}
        case QuestionDetails():
            return common


def _form_of_figures(figures: list[Figure]) -> Form:
    return {
        "figure_label": "\n".join(one.label for one in figures),
        "figure_before": "\n".join(f"{one.before:.10g}" for one in figures),
        "figure_after": "\n".join(f"{one.after:.10g}" for one in figures),
        "figure_unit": "\n".join(one.unit for one in figures),
    }
