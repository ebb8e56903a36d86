"""What the routes share: problem details in the description, ETags, cursors."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sharing_platform.errors import PlatformError
from sharing_platform.messages import Name, OfferId

_EXAMPLE: dict[str, JsonValue] = {
    "type": "about:blank", "title": "Not Found", "status": 404, "code": "missing", "detail": "There is no such thing, or it is gone."
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
    """For `responses`: what may go wrong."""
    one = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}}
    return {status: {"description": _WHEN[status], **one} for status in statuses}


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
    503: "The database does not work right now; `Retry-After` says when to try again",
}

Uuid = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Field(examples=["6f1c4a9e-54b1-4c8e-9d0b-0d7c7e1c2f55"]),
]
OfferPath = Annotated[OfferId, Path(examples=["2b6a1f0e-2c1c-5a8e-8f3d-0c9f3c1d7a11"])]
NamePath = Annotated[Name, Path(examples=["hal-2"])]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the answer before.")]
IfMatch = Annotated[str | None, Header(max_length=200, description="Only if it is still what that ETag names.")]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="The same request with the same key again is harmless."),
]


class ChangedError(PlatformError):
    """Somebody else changed it since the caller read it."""

    status = 412

    def __init__(self) -> None:
        super().__init__("changed_meanwhile")


def etag_of(shown: BaseModel) -> str:
    return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:27]}"'


def tagged(response: Response, shown: BaseModel) -> None:
    """One thing's ETag, to be given back in `If-Match`."""
    response.headers["ETag"] = etag_of(shown)


def check_match(if_match: str | None, shown: BaseModel | None) -> None:
    """Raises ChangedError where the caller knows another state of it than the present one."""
    if if_match is None:
        return
    given = {one.strip() for one in if_match.split(",")}
    if shown is None or ("*" not in given and etag_of(shown) not in given):
        raise ChangedError
