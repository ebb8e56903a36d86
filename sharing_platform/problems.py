"""Problem details (RFC 9457) in the OpenAPI description: the model, and what may go wrong on a route."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

_EXAMPLE: dict[str, JsonValue] = {
    "type": "about:blank", "title": "Not Found", "status": 404, "code": "missing", "detail": "This does not exist, or no longer does."
}  # fmt: skip


class ProblemOut(BaseModel):
    """Problem details (RFC 9457). `code` stays the same when sentences change."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Values for `responses` of a route: the problems with these statuses."""
    response = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}}
    return {status: {"description": _WHEN[status], **response} for status in statuses}


_WHEN = {
    400: "The request cannot be read",
    401: "Nobody is signed in, or the token is wrong",
    403: "The caller may know of it, but not do this",
    404: "There is no such thing, or the caller may not know of it",
    409: "It cannot be done as things stand now",
    412: "It has changed since it was read",
    413: "Too long",
    422: "The request makes no sense; `field` says where",
    429: "Too often; `Retry-After` says for how long",
    501: "This platform runs without a package that it needs",
    503: "The database does not work right now; `Retry-After` says when to try again",
}
