"""Cursors of paginated lists. They are opaque to callers, so that their content can change."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from sharing_platform.database import UtcDateTime
from sharing_platform.errors import InvalidError
from sharing_platform.schemas import Moment

_T = TypeVar("_T")


class _Placed(Protocol):
    """A row of a list that is ordered by start, then id."""

    @property
    def start(self) -> datetime: ...


_P = TypeVar("_P", bound=_Placed)
_PLACE = TypeAdapter(tuple[Moment, str])


def after(
    start: InstrumentedAttribute[datetime], own_id: InstrumentedAttribute[str], place: tuple[datetime, str]
) -> ColumnElement[bool]:
    """Condition for the rows after a place in a list ordered by start, then id: a row comparison, which both databases answer from an index."""
    return tuple_(start, own_id) > tuple_(literal(place[0], UtcDateTime()), literal(place[1]))


def parse_place(cursor: str) -> tuple[datetime, str]:
    """Where such a list goes on. Raises InvalidError."""
    return from_cursor(cursor, _PLACE)


def next_cursor(found: Sequence[_P], limit: int, id_of: Callable[[_P], str]) -> str | None:
    """The cursor of the next page; None on the last one."""
    return to_cursor(found[limit - 1].start.isoformat(), id_of(found[limit - 1])) if len(found) > limit else None


def to_cursor(*place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode()


def from_cursor(cursor: str, kind: TypeAdapter[_T]) -> _T:
    """Raises InvalidError for one that was not given out."""
    try:
        place = base64.urlsafe_b64decode(cursor.encode())
        if b"\\u" in place or b"\0" in place:
            raise ValueError("characters that no identifier has")  # noqa: TRY301 - as any other cursor that was not given out
        return kind.validate_python(json.loads(place))
    except (ValueError, RecursionError):
        raise InvalidError("cursor", "cursor") from None
