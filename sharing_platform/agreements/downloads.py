"""Files that one party sent, as the other downloads them."""

from __future__ import annotations

from urllib.parse import quote

from fastapi.responses import Response

from sharing_platform.attachments.contents import MEDIA_TYPES, Kind
from sharing_platform.attachments.models import Attachment


def file_response(found: Attachment, content: bytes) -> Response:
    """To be saved, not shown: nothing in it runs under the platform's address, whatever a browser takes it for."""
    return download(content, MEDIA_TYPES[Kind(found.kind)], found.name)


def download(content: bytes, media_type: str, name: str) -> Response:
    """A file that the browser saves under this name."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
