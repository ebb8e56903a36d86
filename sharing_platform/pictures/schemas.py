"""Requests and answers of the HTTP API about pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sharing_platform.openapi import upload_body
from sharing_platform.schemas import ApiModel, OneLine


class PictureIn(ApiModel):
    """What a picture shows, for whoever cannot see it."""

    alt: Annotated[OneLine, Field(max_length=200)] = ""


class PictureOut(PictureIn):
    """`path`: of the picture on the platform, without its size: `small`, `medium` and `large` are WebP, `preview` is a JPEG. `taken_down`: the region has hidden it from others."""

    id: str
    path: str
    taken_down: bool = False


class PicturesOut(ApiModel):
    """In their order: lists show the first."""

    pictures: list[PictureOut]


class PictureOrder(ApiModel):
    """The ids of all pictures, in the order that is wanted."""

    pictures: Annotated[list[str], Field(max_length=50)]


UPLOAD_BODY = upload_body(alt={"type": "string", "maxLength": 200})
"""Of a form with pictures, for the OpenAPI description."""
