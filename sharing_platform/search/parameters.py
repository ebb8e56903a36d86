"""The query parameters of a search, the same for offers and listings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import ValidationError

from sharing_platform.errors import InvalidError
from sharing_platform.schemas import Day, Name
from sharing_platform.search.criteria import Wish
from sharing_platform.search.relaxation import FILTERS


async def wish_of(
    q: Annotated[str, Query(max_length=200, description="Words, in Dutch, French or English; synonyms count.")] = "",
    factory: Name | None = None,
    machine: Name | None = None,
    process: Annotated[str, Query(max_length=100, description="Name or code, such as `milling`.")] = "",
    material: Annotated[list[str], Query(max_length=10)] = [],  # noqa: B006 - FastAPI copies defaults
    certificate: Annotated[list[str], Query(max_length=10)] = [],  # noqa: B006
    workpiece: Annotated[
        str | None,
        Query(pattern=r"^\d{1,5}(\.\d+)?x\d{1,5}(\.\d+)?x\d{1,5}(\.\d+)?$", description="mm: `400x300x200`."),
    ] = None,
    axes: Annotated[int | None, Query(ge=1, le=12)] = None,
    tolerance_mm: Annotated[float | None, Query(gt=0, le=10)] = None,
    load_kg: Annotated[float | None, Query(gt=0, le=1_000_000)] = None,
    operator: Literal["included", "own_allowed", "own_required"] | None = None,
    day: Annotated[Day | None, Query(description="That local day alone.")] = None,
    first_day: Day | None = None,
    last_day: Day | None = None,
    hours: Annotated[float | None, Query(gt=0, le=744)] = None,
    near: Annotated[str, Query(max_length=100, description="A town.")] = "",
    latitude: Annotated[float | None, Query(ge=-90, le=90)] = None,
    longitude: Annotated[float | None, Query(ge=-180, le=180)] = None,
    within_km: Annotated[float | None, Query(gt=0, le=2000)] = None,
    max_price: Annotated[Decimal | None, Query(ge=0, le=100_000, decimal_places=2)] = None,
) -> Wish:
    """What a search asks for. Raises InvalidError for a field that makes no sense."""
    sides = tuple(float(side) for side in workpiece.split("x")) if workpiece else None
    try:
        return Wish.model_validate(
            {
                "words": q, "factory": factory, "machine": machine, "process": process, "materials": material,
                "certificates": certificate, "workpiece_mm": sides, "axes": axes, "tolerance_mm": tolerance_mm,
                "load_kg": load_kg, "operator": operator, "first_day": day or first_day, "last_day": day or last_day,
                "hours": hours, "near": near, "latitude": latitude, "longitude": longitude, "within_km": within_km,
                "max_price_per_hour": max_price,
            }
        )  # fmt: skip
    except ValidationError as error:
        raise InvalidError("search", str(error.errors()[0]["loc"][0])) from None


SearchFor = Annotated[Wish, Depends(wish_of)]

PARAMETERS = {name: (name,) for name in FILTERS} | {
    "words": ("q",), "day": ("day", "first_day", "last_day"), "machine": ("factory", "machine"), "distance": ("within_km",),
    "price": ("max_price",), "tolerance": ("tolerance_mm",), "load": ("load_kg",),
}  # fmt: skip
"""The query parameters of each filter."""
