"""Small files of each kind that can be attached."""

from __future__ import annotations

import io

from PIL import Image

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\nstartxref\n9\n%%EOF\n"
STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"
DXF = b"999\ndrawn by hand\n  0\r\nSECTION\r\n  2\r\nENTITIES\r\n  0\r\nENDSEC\r\n  0\r\nEOF\r\n"
DXF_BINARY = b"AutoCAD Binary DXF\r\n\x1a\x00\x00SECTION\x00"
GPS = "51.0412"


def picture(kind: str = "JPEG", where: bool = True) -> bytes:
    """Two pixels, upright only when turned; a camera has written where it stood."""
    image = Image.new("RGB", (2, 1), "red")
    image.putpixel((1, 0), (0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to the right
    exif[0x010E] = f"GPS {GPS}"
    kept = io.BytesIO()
    image.save(kept, kind, **({"exif": exif} if where else {}))
    return kept.getvalue()
