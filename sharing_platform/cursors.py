"""Where a list goes on: opaque to callers, so that what is in it may change."""

from __future__ import annotations

import base64
import json
from typing import TypeVar

from pydantic import TypeAdapter

from sharing_platform.errors import InvalidError

_T = TypeVar("_T")


def to_cursor(*place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def from_cursor(cursor: str, kind: TypeAdapter[_T]) -> _T:
    """Raises InvalidError for one that was not given out."""
    try:
        return kind.validate_python(json.loads(base64.urlsafe_b64decode(cursor.encode())))
    except (ValueError, RecursionError):
        raise InvalidError("cursor", "cursor") from None
