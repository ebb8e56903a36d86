"""Answers of the HTTP API that all searches share."""

from __future__ import annotations

from typing import Any

from sharing_platform.schemas import ApiModel


class Reason(ApiModel):
    """A reason for a match: `code` identifies it, `values` fill in its sentence."""

    code: str
    values: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
