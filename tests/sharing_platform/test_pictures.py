"""Pictures of machines: made anew without metadata, shown to whoever may know whose the machine is, and to nobody else."""

from __future__ import annotations

import io
import re
from typing import Any

import httpx2
import pytest
from PIL import Image

from sharing_platform.errors import InvalidError
from sharing_platform.machines.pictures import WIDTHS, picture_sizes
from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import Platform

PATH = "/machines/hal-2/mill-1/pictures"
SECRET = b"Canon of Jan, Dijk 4"


def drawn(kind: str = "JPEG", size: tuple[int, int] = (1800, 1200), mode: str = "RGB", **more: Any) -> bytes:
    """A picture with something in it that must not be kept."""
    written, picture = io.BytesIO(), Image.new(mode, size, (200, 40, 30, 0) if mode == "RGBA" else (200, 40, 30))
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif[0x0112] = more.pop("orientation", 1)
    picture.save(written, kind, exif=exif, **more)
    return written.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_each_size_is_made_anew_without_metadata(kind: str) -> None:
    content = drawn(kind, orientation=6)
    assert SECRET in content
    made = picture_sizes(content)
    for name, side in WIDTHS.items():
        written = getattr(made, name)
        shown = Image.open(io.BytesIO(written))
        assert (shown.format, max(shown.size)) == ("WEBP", side)
        assert shown.width < shown.height, "turned as it was taken"
        assert SECRET not in written
        assert not shown.getexif()
    preview = Image.open(io.BytesIO(made.preview))
    assert (preview.format, max(preview.size)) == ("JPEG", 1200)
    assert SECRET not in made.preview


def test_what_can_be_seen_through_stands_on_white() -> None:
    shown = Image.open(io.BytesIO(picture_sizes(drawn("PNG", mode="RGBA")).small)).convert("RGB")
    assert min(shown.getpixel((5, 5))) > 250  # type: ignore[arg-type]


def _bomb() -> bytes:
    """Thirty kilobytes that are 100 megapixels."""
    written = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(written, "PNG")
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "picture_kind"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_kind"), (drawn()[:3000], "picture_kind"),
        (drawn("PNG", size=(300, 100)), "picture_small"), (_bomb(), "picture_size"), (b"\xff\xd8\xff" + bytes(10_000_001), "picture_size"),
        (drawn("GIF"), "picture_kind"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InvalidError, match=code):
        picture_sizes(content)


def add(client: httpx2.Client, *contents: bytes, alt: str = "De tafel") -> httpx2.Response:
    files = [("files", ("a.jpg", content, "image/jpeg")) for content in contents]
    return client.post(PATH, data={"alt": alt}, files=files)


def test_people_add_order_describe_and_remove_pictures(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.offer()
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    small = drawn(size=(300, 240))
    assert add(planner, small, small).status_code == 303
    first, second = [one["path"] for one in platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()["pictures"]]
    answer = platform.anyone.get(f"{first}/medium")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/webp", "private, max-age=3600")
    page = platform.anyone.get("/machines/hal-2/mill-1").text
    assert f'<meta property="og:image" content="{platform.url}{first}/preview">' in page
    assert 'alt="De tafel"' in page
    assert f"{first}/small" in platform.anyone.get("/").text, "on the card, instead of the drawing"
    planner.post(f"{PATH}/{second.rpartition('/')[2]}", data={"what": "first"})
    planner.post(f"{PATH}/{second.rpartition('/')[2]}", data={"alt": "Vijf assen"})
    shown = platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()["pictures"]
    assert shown == [{"path": second, "alt": "Vijf assen"}, {"path": first, "alt": "De tafel"}]
    assert f"{second}/small" in platform.anyone.get("/").text
    assert add(planner, *[small] * 5).status_code == 303
    too_many = add(planner, small, small)
    assert (too_many.status_code, "hoogstens 8 foto" in too_many.text) == (409, True)
    for content in (b"no picture", b""):
        wrong = add(planner, content)
        assert (wrong.status_code, "Kies een foto als JPEG, PNG of WebP." in wrong.text) == (422, True)
    planner.post(f"{PATH}/{first.rpartition('/')[2]}", data={"what": "remove"})
    assert platform.anyone.get(f"{first}/small").status_code == 404
    other = platform.somebody("x@hal.be", "hal-3")
    assert add(other, small).status_code == 404
    assert other.post(f"{PATH}/{second.rpartition('/')[2]}", data={"what": "remove"}).status_code == 404


def test_a_picture_is_seen_by_whoever_may_know_whose_it_is(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank")
    platform.offer("o1", visibility="members")
    planner, member = platform.somebody("p@hal.be", "hal-2"), platform.somebody("m@other.be", "other")
    add(planner, drawn(size=(300, 240)))
    path = planner.get("/api/v1/machines/hal-2/mill-1").json()["pictures"][0]["path"]

    def seen() -> list[int]:
        return [client.get(f"{path}/small").status_code for client in (platform.anyone, member, planner)]

    assert seen() == [404, 200, 200]
    platform.offer("o1")
    assert seen() == [200, 200, 200]
    platform.machine("mill-1", "Freesbank", anonymous=True)
    assert seen() == [404, 404, 200]
    assert path not in platform.anyone.get("/").text + member.get("/").text
    platform.machine("mill-1", "Freesbank", anonymous=False)
    platform.hal_2.delete("/api/v1/offers/o1")
    assert seen() == [404, 404, 200], "of what offers nothing, nothing is seen"
    assert planner.get(f"{path}/huge").status_code == 404


def test_a_factory_has_a_page_of_what_it_shows_under_its_name(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank")
    platform.machine("lathe-2", "Draaibank")
    platform.machine("secret-1", "Geheime bank", anonymous=True)
    platform.offer("o1", checked=40, broken=2)
    platform.offer("o2", machine="lathe-2", visibility="members")
    platform.offer("o3", machine="secret-1", anonymous=True)
    page = platform.anyone.get("/factories/hal-2").text
    assert re.findall(r"<strong>([^<]*)</strong>", page.partition("<main")[2]) == ["Freesbank"]
    assert [int(one) for one in re.findall(r"<td>(\d+)</td>", page)] == [40, 38, 2], "the record, as figures"
    own = platform.somebody("p@hal.be", "hal-2").get("/factories/hal-2").text
    assert "Geheime bank" not in own, "what others see"
    platform.hal_2.delete("/api/v1/offers/o1")
    assert platform.anyone.get("/factories/hal-2").status_code == 404
    assert platform.somebody("m@other.be", "other").get("/factories/hal-2").status_code == 200
    assert platform.anyone.get("/factories/none").status_code == 404
