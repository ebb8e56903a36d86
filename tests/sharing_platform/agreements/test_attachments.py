"""Files with a request or a message: checked by their content, seen by the two parties alone, scanned, and deleted when they are due."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from sqlalchemy import func, select

from sharing_platform.attachments.contents import Kind, check_file, kind_of, safe_name
from sharing_platform.attachments.models import StoredFile
from sharing_platform.bounds import Bounds
from sharing_platform.errors import InvalidError, UnavailableError
from sharing_platform.organisations.permissions import Role
from sharing_platform.virus_scanner import ClamdScanner
from tests.sharing_platform.agreements.files import DXF, DXF_BINARY, GPS, PDF, STEP, picture
from tests.sharing_platform.conftest import Platform


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, Kind.PDF), (STEP, Kind.STEP), (b"\xef\xbb\xbf\r\n" + STEP, Kind.STEP), (DXF, Kind.DXF), (DXF_BINARY, Kind.DXF),
        (picture(), Kind.JPEG), (picture("PNG"), Kind.PNG),
        (PDF[:-8], None), (STEP[:40], None), (DXF[:30], None), (b"", None), (b"MZ\x90\0" + PDF, None), (b"<html>" + STEP, None),
        (b"PK\x03\x04" + b"\0" * 30, None), (STEP.replace(b"HEADER", b"HEA\0ER"), None), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
    ],
)  # fmt: skip
def test_what_a_file_is_its_content_says(content: bytes, kind: Kind | None) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("beugel v2.PDF", "beugel v2.step"), ("../../etc/passwd", "passwd.step"), ("C:\\a\\b.stp", "b.step"), ("x\r\nSet-Cookie: y.step", "x__Set-Cookie_ y.step"),
        ("", "bestand.step"), ("a" * 300, "a" * 100 + ".step"), ("pièce <b>.html", "pièce _b_.step"),
    ],
)  # fmt: skip
def test_a_name_is_harmless_and_ends_as_the_content_says(name: str, kept: str) -> None:
    assert safe_name(name, Kind.STEP) == kept


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pictures_lose_their_metadata_and_are_upright(kind: str) -> None:
    content = picture(kind)
    assert GPS.encode() in content
    kept = check_file("foto", content)
    assert GPS.encode() not in kept.content
    with Image.open(io.BytesIO(kept.content)) as seen:
        assert seen.size == (1, 2)
        assert not seen.getexif()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xd8\xff" + b"no picture", "file_kind"), (b"%PDF-" + b" " * 10_000_000 + b"%%EOF", "file_size"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\x02\0\0\0" + b"\0" * 40, "file_kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InvalidError) as refused:
        check_file("x", content)
    assert refused.value.code in (code, "file_size")


class Parties:
    """A seeker and a planner with a request of a machine between them, and a stranger."""

    def __init__(self, platform: Platform, **offer: Any) -> None:
        platform.machine()
        platform.offer(**offer)
        self.seeker = platform.somebody("an@startup.be", "startup")
        self.planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
        self.stranger = platform.somebody("x@x.be", "other")
        self.booking = self.seeker.post("/api/v1/offers/o1/booking", json={}).json()["id"]
        self.path = f"/api/v1/bookings/{self.booking}/attachments"


def send(client: httpx2.Client, path: str, *files: tuple[str, bytes], **fields: str) -> httpx2.Response:
    return client.post(path, files=[("files", (name, content)) for name, content in files], data=fields)


def test_a_drawing_is_for_the_two_parties_alone(platform: Platform) -> None:
    parties = Parties(platform)
    sent = send(
        parties.seeker, parties.path, ("beugel.html", STEP), ("foto.jpg", picture()), text="Past dit?", quantity="40"
    )
    assert sent.status_code == 201, sent.text
    message = sent.json()
    assert (message["text"], message["quantity"]) == ("Past dit?", 40)
    assert [(one["name"], one["kind"]) for one in message["attachments"]] == [
        ("beugel.step", "step"),
        ("foto.jpg", "jpg"),
    ]
    file = f"{parties.path}/{message['attachments'][0]['id']}"
    for path in (file, file.removeprefix("/api/v1")):
        got = parties.planner.get(path)
        assert (got.status_code, got.content) == (200, STEP)
        assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''beugel.step"
        assert (got.headers["content-type"], got.headers["x-content-type-options"]) == ("model/step", "nosniff")
        assert got.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert "private" in got.headers["cache-control"]
        assert parties.stranger.get(path).status_code == 404
    assert platform.anyone.get(file).status_code == 401
    assert send(parties.stranger, parties.path, ("x.pdf", PDF)).status_code == 404
    other = parties.seeker.post("/api/v1/offers/o1/booking", json={})
    assert other.status_code in (404, 409), "the hours are asked for already"
    page = parties.planner.get(f"/bookings/{parties.booking}").text
    assert "beugel.step" in page
    assert "40 stuks" in page


@pytest.mark.parametrize(
    ("files", "bounds", "status", "code"),
    [
        ([("a.exe", b"MZ")], {}, 422, "file_kind"), ([("a.pdf", PDF)] * 6, {}, 422, "file_count"), ([("a.pdf", PDF)] * 20, {}, 422, "file_count"), ([], {}, 422, "file_missing"),
        ([("a.png", picture("PNG") + b"\0" * 10_000_000)], {}, 422, "file_size"),
        ([("a.step", STEP[:20] + b" " * 900_000 + STEP[20:])] * 2, {"attachments_mb_of_organisation": 1}, 409, "files_of_organisation"),
    ],
)  # fmt: skip
def test_bounds_of_files(platform: Platform, files: list[tuple[str, bytes]], bounds: dict[str, int], status: int, code: str) -> None:  # fmt: skip
    object.__setattr__(platform.context, "bounds", Bounds(**bounds))
    parties = Parties(platform)
    answer = send(parties.seeker, parties.path, *files, text="x")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert parties.seeker.get(f"/api/v1/bookings/{parties.booking}/messages").json()["messages"] == []


def test_five_files_of_a_request_and_each_side_has_its_own(platform: Platform) -> None:
    parties = Parties(platform)
    assert send(parties.seeker, parties.path, *[("a.pdf", PDF)] * 5).status_code == 201
    assert send(parties.seeker, parties.path, ("a.pdf", PDF)).json()["code"] == "files_of_request"
    assert send(parties.planner, parties.path, ("a.pdf", PDF)).status_code == 201


def test_nobody_unknown_sends_much(platform: Platform) -> None:
    platform.offer()
    answer = platform.anyone.post("/offers/o1", files={"files": ("a.pdf", PDF + b" " * 1_100_000)})
    assert answer.status_code == 413


def test_a_request_on_the_page_takes_its_drawing_along(platform: Platform) -> None:
    """To each of its parts, once."""
    parties = Parties(platform)
    platform.offer("o2", 30, 4, minimum_hours=1)
    platform.offer("o3", 54, 4, minimum_hours=1)
    chosen = {"quantity": "12", "start": "2026-03-03T18:00", "hours": "2", "more-o3": "on"}
    bad = parties.seeker.post("/offers/o2", data=chosen, files={"files": ("beugel.pdf", b"nothing")})
    assert bad.status_code == 422
    assert "geen leesbare PDF" in bad.text
    asked = parties.seeker.post("/offers/o2", data=chosen, files={"files": ("beugel.pdf", PDF)})
    assert asked.status_code == 303, asked.text
    first = asked.headers["location"].partition("?")[0].rpartition("/")[2]
    parts = parties.seeker.get(f"/api/v1/bookings/{first}").json()["parts"]
    assert len(parts) == 2
    for part in parts:
        (message,) = parties.planner.get(f"/api/v1/bookings/{part['id']}/messages").json()["messages"]
        (file,) = message["attachments"]
        assert (message["quantity"], file["name"]) == (12, "beugel.pdf")
        assert parties.planner.get(f"/api/v1/bookings/{part['id']}/attachments/{file['id']}").content == PDF
        if part["id"] != first:
            assert parties.planner.get(f"/api/v1/bookings/{first}/attachments/{file['id']}").status_code == 404
    with platform.context.sessions() as session:
        assert session.scalar(select(func.count(StoredFile.id))) == 1


def test_files_are_deleted_when_they_are_due(platform: Platform) -> None:
    parties = Parties(platform, booking="on_request")
    send(parties.seeker, parties.path, ("beugel.pdf", PDF))
    parties.planner.post(f"/api/v1/bookings/{parties.booking}/state", json={"state": "declined"})

    def there() -> list[bool]:
        seeker = platform.somebody("an@startup.be")  # sessions end sooner than this
        messages = seeker.get(f"/api/v1/bookings/{parties.booking}/messages").json()["messages"]
        return [file["available"] for one in messages for file in one["attachments"]]

    platform.later(24 * 89)
    assert there() == [True]
    platform.later(24 + 1)
    assert there() == [False]
    assert "verwijderd" in platform.somebody("an@startup.be").get(f"/bookings/{parties.booking}").text
    with platform.context.sessions() as session:
        assert session.scalar(select(func.count(StoredFile.id))) == 0


def test_what_a_person_attached_is_exported_and_erased(platform: Platform) -> None:
    parties = Parties(platform, booking="on_request")
    send(parties.seeker, parties.path, ("an peeters.pdf", PDF))
    assert parties.seeker.get("/api/v1/account/data").json()["attachments"][0]["name"] == "an peeters.pdf"
    parties.planner.post(f"/api/v1/bookings/{parties.booking}/state", json={"state": "declined"})
    assert parties.seeker.request("DELETE", "/api/v1/account").status_code == 204
    (message,) = parties.planner.get(f"/api/v1/bookings/{parties.booking}/messages").json()["messages"]
    assert [(one["name"], one["available"]) for one in message["attachments"]] == [("–", False)]


@contextmanager
def clamd(folder: Path, finds: bytes) -> Iterator[str]:
    """A daemon that speaks ClamAV's INSTREAM, and finds what contains these bytes."""
    path = str(folder / "clamd.ctl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as stream:
                    assert stream.read(10) == b"zINSTREAM\0"
                    content = b""
                    while length := struct.unpack("!L", stream.read(4))[0]:
                        content += stream.read(length)
                    found = b"Eicar-Test-Signature FOUND" if finds in content else b"OK"
                    connection.sendall(b"stream: " + found + b"\0")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_the_scanner_sees_the_whole_file(tmp_path: Path) -> None:
    with clamd(tmp_path, b"EICAR") as path:
        scanner = ClamdScanner(path)
        assert scanner.is_clean(b"x" * 200_000)
        assert not scanner.is_clean(b"x" * 200_000 + b"EICAR")
    with pytest.raises(UnavailableError):
        scanner.is_clean(b"x")


def test_what_cannot_be_scanned_is_refused_and_said(platform: Platform, tmp_path: Path) -> None:
    parties = Parties(platform)
    object.__setattr__(platform.context, "scanner", ClamdScanner(str(tmp_path / "clamd.ctl")))
    away = send(parties.seeker, parties.path, ("a.pdf", PDF))
    assert (away.status_code, away.json()["code"]) == (503, "scanner_away")
    page = parties.seeker.post(f"/bookings/{parties.booking}/messages", data={"text": "Zie tekening"}, files={"files": ("a.pdf", PDF)})  # fmt: skip
    assert "kunnen nu niet op virussen gecontroleerd worden" in page.text
    assert "Zie tekening" in page.text, "what was typed stays"
    assert parties.seeker.post(f"/api/v1/bookings/{parties.booking}/messages", json={"text": "x"}).status_code == 201
    with clamd(tmp_path, b"%PDF"):
        refused = send(parties.seeker, parties.path, ("a.step", STEP), ("a.pdf", PDF))
        assert (refused.status_code, refused.json()["code"]) == (422, "file_infected")
        assert send(parties.seeker, parties.path, ("a.step", STEP)).status_code == 201
