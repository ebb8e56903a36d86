"""Path, query and header parameters that routes of several domains take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import Field

from sharing_platform.schemas import Name, OfferId

Uuid = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Field(examples=["6f1c4a9e-54b1-4c8e-9d0b-0d7c7e1c2f55"]),
]
OfferPath = Annotated[OfferId, Path(examples=["2b6a1f0e-2c1c-5a8e-8f3d-0c9f3c1d7a11"])]
NamePath = Annotated[Name, Path(examples=["hal-2"])]
AliasPath = Annotated[str, Path(pattern=r"^machine-[0-9a-f]{8}$", examples=["machine-4f1e09ab"])]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the answer before.")]
IfMatch = Annotated[str | None, Header(max_length=200, description="Only if it is still what that ETag names.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="The same request with the same key again changes nothing, and is answered as the first time.",
    ),
]
