"""Queries and bodies that are refused for what their values mean together, in the form of all others that are not valid."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError


def invalid(name: str, why: str, given: object = None, place: str = "query") -> RequestValidationError:
    """`name`: of the parameter that has to be another one; `place`: where it stands, as FastAPI calls it."""
    return RequestValidationError([{"type": "value_error", "loc": (place, name), "msg": why, "input": given}])
