"""What a file is, by its content alone, and what of it is kept. Pure."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageOps

from sharing_platform.errors import InvalidError
from sharing_platform.pictures.contents import ONE_AT_A_TIME, UNREADABLE, can_be_decoded

MOST_BYTES = 10_000_000
_WHOLE_PIXELS = 16_000_000
_NAME = 100
_FIELD = "files"


class Kind(StrEnum):
    """What can be attached."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpg"
    DXF = "dxf"
    STEP = "step"


MEDIA_TYPES = {
    Kind.PDF: "application/pdf",
    Kind.PNG: "image/png",
    Kind.JPEG: "image/jpeg",
    Kind.DXF: "image/vnd.dxf",
    Kind.STEP: "model/step",
}
ACCEPTED = ".pdf,.png,.jpg,.jpeg,.dxf,.step,.stp"
"""What a browser lets people choose from; nothing depends on it."""

_DXF_TEXT = re.compile(rb"\s*(?:999[ \t]*\r?\n[^\n]*\n\s*)*0[ \t]*\r?\nSECTION\r?\n")
_DXF_BINARY = b"AutoCAD Binary DXF\r\n\x1a\x00"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CheckedFile:
    """A file as it is kept: what it is was looked at, and pictures have lost their metadata."""

    name: str
    kind: Kind
    content: bytes


def check_file(name: str, content: bytes) -> CheckedFile:
    """Raises InvalidError for what is too big, or not one of the kinds."""
    if len(content) > MOST_BYTES:
        raise InvalidError("file_size", _FIELD)
    kind = kind_of(content)
    if kind is None:
        raise InvalidError("file_kind", _FIELD)
    if kind in (Kind.PNG, Kind.JPEG):
        content = without_metadata(content, kind)
    return CheckedFile(safe_name(name, kind), kind, content)


def kind_of(content: bytes) -> Kind | None:
    """None for what is none of them, also for one that has been cut short."""
    start, end = content.removeprefix(_BYTE_ORDER_MARK).lstrip(), content[-2048:]
    if content.startswith(b"%PDF-") and b"%%EOF" in end:
        return Kind.PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(_DXF_BINARY):
        return Kind.DXF
    if b"\0" in content:
        return None  # the others are text
    if start.startswith(b"ISO-10303-21;") and b"END-ISO-10303-21;" in end:
        return Kind.STEP
    if _DXF_TEXT.match(start) and re.search(rb"\n\s*0\s*\r?\nEOF\s*$", end):
        return Kind.DXF
    return None


def without_metadata(content: bytes, kind: Kind) -> bytes:
    """The picture alone, turned as it is meant to be seen: cameras write where and with what it was taken. A photo of more than sixteen megapixels is kept at
    half its width. Raises InvalidError for what is no picture, or so large that reading it would take the memory of others."""
    wanted = "PNG" if kind is Kind.PNG else "JPEG"
    kept = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content), formats=(wanted,)) as picture, ONE_AT_A_TIME:
            least = picture.size if picture.width * picture.height <= _WHOLE_PIXELS else (picture.width // 2, 1)
            if not can_be_decoded(picture, least):
                raise InvalidError("file_size", _FIELD)
            ImageOps.exif_transpose(picture, in_place=True)
            modes = ("RGB", "RGBA", "L", "1") if kind is Kind.PNG else ("RGB", "L")
            seen: Image.Image = picture
            if seen.mode not in modes:
                seen = seen.convert("RGBA" if kind is Kind.PNG else "RGB")
            seen.info.clear()
            seen.save(kept, wanted, **({"quality": 92} if kind is Kind.JPEG else {}))
    except UNREADABLE as error:
        raise InvalidError("file_kind", _FIELD) from error
    if kept.tell() > MOST_BYTES:
        raise InvalidError("file_size", _FIELD)
    return kept.getvalue()


def safe_name(name: str, kind: Kind) -> str:
    """Without folders and characters that mean something elsewhere; it ends as its content says."""
    base = re.split(r"[/\\]", name)[-1]
    stem = base.rpartition(".")[0] or base
    stem = "".join(one if one.isalnum() or one in " -_.+()" else "_" for one in stem).strip(" .")
    return f"{stem[:_NAME] or 'bestand'}.{kind}"
