"""ETags of single resources, to be given back in `If-Match` (RFC 9110, 13.1.1)."""

from __future__ import annotations

import hashlib

from fastapi import Response
from pydantic import BaseModel

from sharing_platform.errors import ChangedError


def etag_of(shown: BaseModel) -> str:
    return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:27]}"'


def set_etag(response: Response, shown: BaseModel) -> None:
    response.headers["ETag"] = etag_of(shown)


def check_match(if_match: str | None, shown: BaseModel | None) -> None:
    """Raises ChangedError where the caller knows another state of the resource than the present one."""
    if if_match is None:
        return
    known = {tag.strip() for tag in if_match.split(",")}
    if shown is None or ("*" not in known and etag_of(shown) not in known):
        raise ChangedError
