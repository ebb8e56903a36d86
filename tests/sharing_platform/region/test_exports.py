"""What a region reports, in files that a spreadsheet opens without calculating what others typed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.organisations.permissions import Kind
from sharing_platform.region import exports
from sharing_platform.region.exports import as_csv, as_json
from tests.sharing_platform.conftest import Platform


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")), delimiter=";"))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_cell_is_calculated(text: str) -> None:
    written = "".join(as_csv(["name"], [{"name": text}, {"name": "last"}], ","))
    cell = next(csv.reader(io.StringIO(written.partition("\n")[2], newline=""), delimiter=";"), [""])
    told = cell[0] if cell else ""
    assert told in (text, f"'{text}")
    assert not told.strip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("text", ["=1+1", " =cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_formulas_become_text(text: str) -> None:
    assert read("".join(as_csv(["name"], [{"name": text}], ",")))[0]["name"].startswith("'")


def test_numbers_and_moments_stay_what_they_are() -> None:
    row: dict[str, exports.Value] = {
        "price": Decimal("-1.50"),
        "hours": 2.5,
        "start": datetime(2026, 3, 2, 11, tzinfo=UTC),
        "none": None,
    }
    assert list(read("".join(as_csv(row, [row], ",")))[0].values()) == ["-1,50", "2,5", "2026-03-02T11:00:00+00:00", ""]
    assert '"price": "-1.50"' in "".join(as_json("rows", [row]))


def test_what_the_region_downloads(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_PORTION", 2)
    platform.machine(title="=Freesbank")
    for number in range(3):
        platform.offer(f"o{number}", 3 + 24 * number, 4, price_per_hour="60", booking="instant")
        assert platform.startup.post(f"/api/v1/offers/o{number}/booking", json={}).status_code == 201
    platform.offer("o9", 27 * 24, 4, booking="instant")
    platform.startup.post("/api/v1/offers/o9/booking", json={})
    platform.offer("late", 400 * 24, 4, booking="instant")
    platform.startup.post("/api/v1/offers/late/booking", json={})
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    answer = region.get("/region/exports/bookings.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="bookings-2026-01-01-2026-12-31.csv"'
    assert len(read(answer.text)) == 4, "this year's"
    assert read(answer.text)[0]["title"] == "'=Freesbank"
    assert (read(answer.text)[0]["hours"], read(answer.text)[0]["price"]) == ("4,0", "240,00")
    assert "start-up.be" not in answer.text
    day = {"first_day": "2026-03-03", "last_day": "2026-03-03"}
    assert len(region.get("/region/exports/bookings.json", params=day).json()["bookings"]) == 1
    hours = region.get("/region/exports/hours.json").json()["hours"]
    assert [(one["month"], one["bookings"], one["seekers"], one["hours"], one["price"]) for one in hours] == [
        ("2026-03", 4, 1, 16.0, "720.00")
    ]
    own = read(region.get("/region/exports/organisations.csv").text)
    assert [one["id"] for one in own] == ["hal-2", "hal-3", "limburg", "start-up"]
    assert region.get("/region/exports/people.csv").status_code == 404
    log = unescape(region.get("/region/log?kind=region").text)
    assert "heeft Boekingen (2026-03-03-2026-03-03) gedownload." in log
    assert "heeft Organisaties (csv) gedownload." in log
    assert log.count("gedownload") == 4, "each time"
    assert region.get("/region/exports/bookings.csv?first_day=x").status_code == 422
