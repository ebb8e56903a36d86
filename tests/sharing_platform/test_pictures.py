"""Pictures of machines: made anew without metadata, shown to whoever may know whose the machine is, and to nobody else."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx2
import pytest
from PIL import Image

from sharing_platform.errors import InvalidError
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.pictures.contents import WIDTHS, picture_sizes
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
    for name, width in WIDTHS.items():
        written = getattr(made, name)
        shown = Image.open(io.BytesIO(written))
        assert (shown.format, shown.width) == ("WEBP", min(width, 1200)), "as wide as pages say, and never enlarged"
        assert shown.width < shown.height, "turned as it was taken"
        assert SECRET not in written
        assert not shown.getexif()
    preview = Image.open(io.BytesIO(made.preview))
    assert (preview.format, preview.width) == ("JPEG", 1200)
    assert SECRET not in made.preview


def test_what_can_be_seen_through_stands_on_white() -> None:
    shown = Image.open(io.BytesIO(picture_sizes(drawn("PNG", mode="RGBA")).small)).convert("RGB")
    assert min(shown.getpixel((5, 5))) > 250  # type: ignore[arg-type]


def _bomb() -> bytes:
    """Thirty kilobytes that are 100 megapixels."""
    written = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(written, "PNG")
    return written.getvalue()


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "picture_kind"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_kind"),
    "cut": (lambda: drawn()[:3000], "picture_kind"),
    "small": (lambda: drawn("PNG", size=(300, 100)), "picture_small"),
    "bomb": (_bomb, "picture_size"),
    "long": (lambda: b"\xff\xd8\xff" + bytes(10_000_001), "picture_size"),
    "gif": (lambda: drawn("GIF"), "picture_kind"),
    "webp_bomb": (lambda: drawn("WEBP", size=(4200, 4200), lossless=True), "picture_size"),
    "progressive_bomb": (lambda: drawn("JPEG", size=(4200, 4200), progressive=True), "picture_size"),
}
"""Drawn when they are looked at, not by every process that reads this module."""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_picture_is_refused(name: str) -> None:
    content, code = WRONG[name]
    with pytest.raises(InvalidError, match=code):
        picture_sizes(content())


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
    assert [(one["path"], one["alt"]) for one in shown] == [(second, "Vijf assen"), (first, "De tafel")]
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


EQUIPMENT = {
    "kind": "equipment", "title": "Rolbank", "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z", "details": {"use": "loan", "place": "Genk"},
    "price": "40", "price_unit": "day",
}  # fmt: skip


def things(platform: Platform) -> dict[str, tuple[httpx2.Client, str]]:
    """Of each kind of thing that has pictures its owner and the path of its page."""
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.offer(price_per_hour="60")
    owner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    listing = owner.post("/api/v1/listings", json=EQUIPMENT).json()["id"]
    return {"machine": (owner, "/machines/hal-2/mill-1"), "equipment": (owner, f"/listings/{listing}")}


def upload(client: httpx2.Client, path: str, *contents: bytes, alt: str = "") -> httpx2.Response:
    files = [("files", ("a.jpg", content, "image/jpeg")) for content in contents]
    return client.post(f"/api/v1{path}/pictures", data={"alt": alt}, files=files)


@pytest.mark.parametrize("kind", ["machine", "equipment"])
@pytest.mark.parametrize("count", [6, 20])
def test_no_more_than_five_at_a_time_and_that_is_said(platform: Platform, kind: str, count: int) -> None:
    """To programs and on the page, whose form stands there again."""
    owner, path = things(platform)[kind]
    tiny = drawn(size=(200, 200))
    answer = upload(owner, path, *[tiny] * count)
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) == (422, "file_count", "files")  # fmt: skip
    files = [("files", ("a.jpg", tiny, "image/jpeg"))] * count
    page = owner.post(f"{path}/pictures", data={"alt": "De tafel"}, files=files)
    assert page.status_code == 422
    assert "Hoogstens 5 bestanden tegelijk." in page.text
    assert 'value="De tafel"' in page.text
    assert owner.get(f"/api/v1{path}/pictures").json()["pictures"] == []
    assert upload(owner, path, *[tiny] * 5).status_code == 201


@pytest.mark.parametrize("kind", ["machine", "equipment"])
def test_programs_upload_list_order_describe_and_delete_pictures(platform: Platform, kind: str) -> None:
    owner, path = things(platform)[kind]
    small = drawn(size=(300, 240))
    made = upload(owner, path, small, small, alt="De tafel")
    assert made.status_code == 201, made.text
    first, second = made.json()["pictures"]
    assert first["alt"] == "De tafel"
    assert SECRET not in platform.anyone.get(f"{first['path']}/preview").content
    assert owner.get(f"/api/v1{path}/pictures").json() == made.json()
    ordered = owner.put(f"/api/v1{path}/pictures", json={"pictures": [second["id"], first["id"]]}).json()["pictures"]
    assert [one["id"] for one in ordered] == [second["id"], first["id"]]
    owner.put(f"/api/v1{path}/pictures/{second['id']}", json={"alt": "Vooraan"})
    shown = platform.anyone.get(f"/api/v1{path}").json()["pictures"]
    assert [one["alt"] for one in shown] == ["Vooraan", "De tafel"]
    for wrong in ([first["id"]], [first["id"], first["id"]], [first["id"], second["id"], "x"]):
        assert owner.put(f"/api/v1{path}/pictures", json={"pictures": wrong}).json()["code"] == "picture_order"
    assert owner.delete(f"/api/v1{path}/pictures/{first['id']}").json()["pictures"] == [shown[0]]
    assert upload(owner, path, *[small] * 4).status_code == 201
    assert upload(owner, path, *[small] * 4).json()["code"] == "too_many_pictures"
    assert upload(owner, path, b"no picture").status_code == 422
    assert owner.post(f"/api/v1{path}/pictures", data={"alt": "x"}).status_code == 422
    other = platform.somebody("x@hal.be", "hal-3")
    for answer in (
        upload(other, path, small),
        other.get(f"/api/v1{path}/pictures"),
        other.put(f"/api/v1{path}/pictures", json={"pictures": []}),
        other.put(f"/api/v1{path}/pictures/{second['id']}", json={"alt": "x"}),
        other.delete(f"/api/v1{path}/pictures/{second['id']}"),
    ):
        assert answer.status_code == 404, answer.url


def test_equipment_has_pictures_on_its_page_and_its_card(platform: Platform) -> None:
    owner, path = things(platform)["equipment"]
    sent = owner.post(f"{path}/pictures", data={"alt": "Links"}, files={"files": ("a.jpg", drawn(), "image/jpeg")})
    assert sent.status_code == 303
    assert f'href="{path}/pictures"' in owner.get(path).text
    picture = platform.anyone.get(f"/api/v1{path}").json()["pictures"][0]["path"]
    assert f'src="{picture}/medium"' in platform.anyone.get(path).text
    assert f'src="{picture}/small"' in platform.anyone.get("/listings").text
    assert platform.anyone.get(f"{picture}/small").headers["content-type"] == "image/webp"
    assert platform.anyone.get(f"/pictures/{picture.rpartition('/')[2]}/small").status_code == 404
    owner.delete(f"/api/v1{path}")
    assert platform.anyone.get(f"{picture}/small").status_code == 404, "what is closed is not shown"
    assert owner.get(f"{picture}/small").status_code == 200
    course = {"kind": "training", "title": "Frezen", "places": 4, "start": EQUIPMENT["start"], "end": EQUIPMENT["end"]}
    training = owner.post("/api/v1/listings", json=course).json()["id"]
    assert upload(owner, f"/listings/{training}", drawn()).status_code == 404
    assert owner.get(f"/listings/{training}/pictures").status_code == 404


@pytest.mark.parametrize("kind", ["offer", "equipment"])
def test_links_to_offers_and_listings_show_what_they_are_about(platform: Platform, kind: str) -> None:
    owner, path = things(platform)["machine" if kind == "offer" else kind]
    picture = upload(owner, path, drawn()).json()["pictures"][0]["path"]
    if kind == "offer":
        path = f"/offers/{platform.anyone.get('/api/v1/offers').json()['offers'][0]['id']}"
    head = unescape(platform.anyone.get(path).text.partition("</head>")[0])
    title, about = {
        "offer": ("Freesbank", ("frezen · hal-2 · ", "15:00", "60,00")),
        "equipment": ("Rolbank", ("Materieel · uit te lenen · ", "hal-2 · Genk · ", "40,00")),
    }[kind]
    assert f'<meta property="og:title" content="{title}">' in head
    said = re.findall(r'<meta property="og:description" content="([^"]*)">', head)[0]
    assert all(one in said for one in about), said
    assert f'<meta property="og:image" content="{platform.url}{picture}/preview">' in head
    assert f'<meta property="og:url" content="{platform.url}{path}">' in head


def test_a_link_to_an_anonymous_offer_says_no_more_than_its_page(platform: Platform) -> None:
    platform.machine("zonderling", "Zonderling", anonymous=True)
    platform.offer("o1", machine="zonderling", anonymous=True)
    owner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    upload(owner, "/machines/hal-2/zonderling", drawn())
    path = f"/offers/{platform.anyone.get('/api/v1/offers').json()['offers'][0]['id']}"
    head = platform.anyone.get(path).text.partition("</head>")[0]
    assert "og:title" in head
    assert "og:image" not in head
    assert "hal-2" not in head.casefold()
    assert "zonderling" not in head.casefold()
