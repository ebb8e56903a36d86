"""Pictures of machines, made anew from what was uploaded: without metadata, in the sizes that pages need. Pure."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageOps

from sharing_platform.errors import InvalidError

MOST_BYTES = 10_000_000
_MOST_PIXELS = 50_000_000
_LEAST_SIDE = 200
_FIELD = "files"
WIDTHS = {"small": 400, "medium": 800, "large": 1600}
"""Pixels of the width of each size, as pages name it to browsers."""
_HIGHEST = 3
"""Times the width: how high a picture may be at most, so that one that is long and narrow does not stay large."""
_PREVIEW = 1200


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
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as found:
            if found.width * found.height > _MOST_PIXELS:
                raise InvalidError("picture_size", _FIELD)
            if min(found.size) < _LEAST_SIDE:
                raise InvalidError("picture_small", _FIELD)
            found.draft("RGB", (WIDTHS["large"], WIDTHS["large"]))  # of a JPEG, no more is decoded than is needed
            picture = _opaque(ImageOps.exif_transpose(found))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidError("picture_kind", _FIELD) from error
    webp = {name: _written(_fitted(picture, width), "WEBP", quality=80, method=4) for name, width in WIDTHS.items()}
    preview = _written(_fitted(picture, _PREVIEW), "JPEG", quality=82, optimize=True)
    return PictureSizes(webp["small"], webp["medium"], webp["large"], preview)


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
