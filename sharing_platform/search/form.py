"""The search form of the pages: criteria from the query string."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from sharing_platform.geography import place_named
from sharing_platform.organisations.dependencies import PageRequest
from sharing_platform.pages import decimal_point, split_lines
from sharing_platform.search.axes import axes_named
from sharing_platform.search.criteria import Wish
from sharing_platform.search.phrases import understand

_LEADING = {"last_day": "day", "within_km": "near"}
"""Fields that belong to another: where that one is filled in, words do not fill in these."""


def fields_of(page: PageRequest, of_machines: bool = False) -> QueryParams:
    """The query string, with what its words say of hours, days, places and prices in the fields that are there for them, and `of_machines` also of axes.
    What is filled in there stays."""
    asked = page.request.query_params
    today = page.now.astimezone(ZoneInfo(page.context.zone)).date()
    found = understand(asked.get("q", ""), today, lambda name: place_named(name) is not None)
    words, fields = found.words, dict(found.fields)
    if of_machines and not asked.get("axes"):
        axes, words = axes_named(words)
        if axes is not None:
            fields["axes"] = str(axes)
    new = {name: value for name, value in fields.items() if not asked.get(_LEADING.get(name, name))}
    kept = [(name, value) for name, value in asked.multi_items() if name not in {"q", *new}]
    return QueryParams([*([("q", words)] if words else []), *kept, *new.items()])


def wish_of_form(asked: QueryParams) -> tuple[Wish, dict[str, str]]:
    """The criteria of the form, and the fields that were invalid and left out. `asked`: its fields, from `fields_of`."""
    factory, _, machine = asked.get("machine", "").rpartition("/")  # an anonymous machine's alias stands alone
    sides = [decimal_point(asked.get(name)) for name in ("x", "y", "z")]
    fields: dict[str, Any] = {
        "words": asked.get("q"), "factory": factory, "machine": machine, "process": asked.get("process"),
        "first_day": asked.get("day"), "last_day": asked.get("last_day"), "hours": decimal_point(asked.get("hours")),
        "near": asked.get("near"), "within_km": decimal_point(asked.get("within_km")), "axes": asked.get("axes"),
        "max_price_per_hour": decimal_point(asked.get("max_price")), "operator": asked.get("operator"),
        "materials": split_lines(asked.get("material")), "certificates": split_lines(asked.get("certificate")),
        "workpiece_mm": sides if all(sides) else None,
    }  # fmt: skip
    fields = {name: value for name, value in fields.items() if value}
    if "first_day" in fields and fields.get("last_day", "") < fields["first_day"]:
        fields["last_day"] = fields["first_day"]  # none was asked for, or another day has been chosen since
    problems: dict[str, str] = {}
    while True:
        try:
            return Wish.model_validate(fields), problems
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            problems[name] = "field"
            del fields[name]
