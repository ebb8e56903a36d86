"""The search form of the pages: criteria from the query string."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sharing_platform.organisations.dependencies import PageRequest
from sharing_platform.pages import decimal_point, split_lines
from sharing_platform.search.criteria import Wish


def wish_of_form(page: PageRequest) -> tuple[Wish, dict[str, str]]:
    """The criteria of the form, and the fields that were invalid and left out."""
    asked = page.request.query_params
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
    if "first_day" in fields and "last_day" not in fields:
        fields["last_day"] = fields["first_day"]
    problems: dict[str, str] = {}
    while True:
        try:
            return Wish.model_validate(fields), problems
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            problems[name] = "field"
            del fields[name]
