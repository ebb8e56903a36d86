"""Pictures of machines, made anew from what was uploaded: without metadata, in the sizes that pages need. Pure."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from threading import Lock

from PIL import Image, ImageOps

from sharing_platform.errors import InvalidError

MOST_BYTES = 10_000_000
_MOST_PIXELS = 50_000_000
_MOST_DECODED = 16_000_000
"""Pixels: a file of a few kilobytes can have as many as it likes. Of a JPEG, no more is decoded than is needed."""
ONE_AT_A_TIME = Lock()
"""Of pictures that are decoded: the memory that one takes is not taken by twenty at once."""
_LEAST_SIDE = 200
_FIELD = "files"
WIDTHS = {"small": 400, "medium": 800, "large": 1600}
"""Pixels of the width of each size, as pages name it to browsers."""
_HIGHEST = 3
"""Times the width: how high a picture may be at most, so that one that is long and narrow does not stay large."""
_PREVIEW = 1200
UNREADABLE = (
    OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error, zlib.error, Image.DecompressionBombError
)  # fmt: skip
"""What Pillow raises for what is no picture, or half of one."""


@dataclass(frozen=True)
class PictureSizes:
    """A picture as WebP in three sizes and as JPEG, for programs that show links to a page."""

    small: bytes
    medium: bytes
    large: bytes
    preview: bytes


def picture_sizes(content: bytes) -> PictureSizes:
    """Raises InvalidError for what is no JPEG, PNG or WebP, is too small to show, or so large that reading it would take the memory of others."""
    if len(content) > MOST_BYTES:
        raise InvalidError("picture_size", _FIELD)
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as found, ONE_AT_A_TIME:
            if min(found.size) < _LEAST_SIDE:
                raise InvalidError("picture_small", _FIELD)
            if not can_be_decoded(found, (WIDTHS["large"], WIDTHS["large"])):
                raise InvalidError("picture_size", _FIELD)
            ImageOps.exif_transpose(found, in_place=True)
            picture = _fitted(_opaque(found), WIDTHS["large"])
    except UNREADABLE as error:
        raise InvalidError("picture_kind", _FIELD) from error
    fitted = {name: _fitted(picture, width) for name, width in WIDTHS.items()}
    # A picture that is not enlarged to 1,600 pixels, nor to 800, is the same in two sizes, or in all three.
    different = {one.size: one for one in fitted.values()}
    webp = {size: _written(one, "WEBP", quality=80, method=4) for size, one in different.items()}
    preview = _written(_fitted(picture, _PREVIEW), "JPEG", quality=82, optimize=True)
    small, medium, large = (webp[fitted[name].size] for name in ("small", "medium", "large"))
    return PictureSizes(small, medium, large, preview)


def can_be_decoded(found: Image.Image, least: tuple[int, int]) -> bool:
    """Whether that does not take the memory of others. `found`: opened, and not yet read. Of a JPEG no more than a size from `least` on is decoded then."""
    pixels = found.width * found.height
    progressive = "progressive" in found.info  # it is decoded as a whole even where less is wanted
    found.draft(None, least)
    decoded = pixels if progressive else found.width * found.height
    return pixels <= _MOST_PIXELS and decoded <= _MOST_DECODED


def _opaque(picture: Image.Image) -> Image.Image:
    """On white where it can be seen through."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        ground = Image.new("RGB", seen.size, "white")
        ground.paste(seen, mask=seen.getchannel("A"))
        return ground
    return picture.convert("RGB")


def _fitted(picture: Image.Image, width: int) -> Image.Image:
    fitted = picture.copy()
    fitted.thumbnail((width, _HIGHEST * width), Image.Resampling.LANCZOS)
    # What a picture says of itself beside its pixels, Pillow would write again.
    fitted.info.clear()
    return fitted


def _written(picture: Image.Image, kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()
