"""What was agreed as a PDF, and what an organisation gave and took in a month as PDF and CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from sharing_platform.agreements import pdf
from sharing_platform.agreements.statements import Row, as_csv, totals_of
from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.i18n import Translator, texts
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.agreements.test_proposals import Negotiation
from tests.sharing_platform.conftest import Platform


def text_of(content: bytes) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.replace(" ", " ").split())


@pytest.fixture
def agreed(platform: Platform) -> Negotiation:
    made = Negotiation(platform)
    owner = platform.somebody("baas@hal.be", "hal-2", Role.OWNER)
    details = {"name": "Smederij Anstrom", "country": "BE", "enterprise_number": "0876.543.270", "address": "Dijk 4, 3800 Sint-Truiden"}  # fmt: skip
    assert owner.put("/api/v1/organisation", json=details).status_code == 200
    quote = made.quote(vat_percent="21")
    assert made.planner.get(f"{made.path}/agreement").status_code == 404, "nothing is agreed yet"
    assert made.answer(made.seeker, quote, "accepted").status_code == 200
    return made


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("nl", ["Overeenkomst", "maandag 2 maart 2026", "€ 598,68", "Btw 21 %"]),
        ("fr", ["Convention", "lundi 2 mars 2026", "598,68 €", "TVA 21 %"]),
        ("en", ["Agreement", "Monday 2 March 2026", "€598.68", "VAT 21%"]),
    ],
)
def test_the_document_says_what_was_agreed(agreed: Negotiation, language: str, said: list[str]) -> None:
    answer = agreed.seeker.get(f"{agreed.path}/agreement?lang={language}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    number = f"VL-2026-{agreed.id[:8].upper()}"
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{number}.pdf"
    text = text_of(answer.content)
    common = [number, "Smederij Anstrom", "0876.543.270", "Dijk 4, 3800", "startup", "an@startup.be", "p@hal.be", "Freesbank DMU 50", "Opspannen"]  # fmt: skip
    assert [one for one in (*said, *common) if one not in text] == [], text
    assert b"Figtree" in answer.content
    stranger = agreed.platform.somebody("x@x.be", "other")
    assert stranger.get(f"{agreed.path}/agreement").status_code == 404


def test_a_month_given_and_taken(agreed: Negotiation) -> None:
    def month(client: httpx2.Client, name: str, language: str = "nl") -> httpx2.Response:
        answer = client.get(f"/api/v1/organisation/statements/{name}?lang={language}")
        assert answer.status_code == 200, answer.text
        return answer

    def rows(client: httpx2.Client, name: str, language: str = "nl") -> list[list[str]]:
        content = month(client, name, language).content
        assert content.startswith(b"\xef\xbb\xbf"), "or Excel takes it for Latin"
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))

    given, taken = rows(agreed.planner, "2026-03.csv"), rows(agreed.seeker, "2026-03.csv")
    assert [given[1][n] for n in (1, 2, 3, 6, 7, 9, 10)] == ["Wat anderen bij ons boekten", "Freesbank DMU 50", "startup", "2,00", "494,78", "103,90", "598,68"]  # fmt: skip
    assert [taken[1][n] for n in (1, 3, 4)] == ["Wat wij bij anderen boekten", "Smederij Anstrom", "2026-03-02 15:00"]
    assert rows(agreed.planner, "2026-03.csv", "en")[1][10] == "598.68"
    assert len(rows(agreed.planner, "2026-02.csv")) == 1
    assert len(rows(agreed.platform.somebody("x@x.be", "other"), "2026-03.csv")) == 1, "nobody else's"
    text = text_of(month(agreed.planner, "2026-03.pdf").content)
    assert "maart 2026" in text
    assert "598,68" in text
    assert agreed.planner.get("/api/v1/organisation/statements/2026-13.csv").status_code == 422
    assert "/api/v1/organisation/statements/2026-03.pdf" in agreed.seeker.get("/desk").text
    assert "/agreement" in agreed.seeker.get(f"/bookings/{agreed.id}").text


def row(**more: object) -> Row:
    moment = datetime(2026, 3, 2, 8, tzinfo=UTC)
    values = {
        "number": "VL", "booking": "b", "side": Party.PROVIDER, "title": "Frees", "other": "X", "start": moment, "end": moment, "hours": Decimal(2),
        "price": Decimal("0.10"), "vat_percent": Decimal(21), "vat": Decimal("0.02"), "state": State.COMPLETED,
    }  # fmt: skip
    return Row(**{**values, **more})  # type: ignore[arg-type]


def test_sums_are_exact() -> None:
    sums = totals_of([row() for _ in range(30)] + [row(price=None, vat=None)], Party.PROVIDER)
    assert (sums.bookings, sums.price, sums.vat, sums.total, sums.open_prices) == (31, Decimal("3.00"), Decimal("0.60"), Decimal("3.60"), 1)  # fmt: skip


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_a_title_is_no_formula(title: str) -> None:
    content = as_csv([row(title=title)], Translator("nl", "Europe/Brussels")).decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(content.split("\r\n")[1]), delimiter=";"))[2] == f"'{title}"


def test_the_typeface_has_every_letter_that_documents_use() -> None:
    for style in ("regular", "bold"):
        known = TTFont(Path(pdf.__file__).parent / "fonts" / f"figtree-{style}.ttf").getBestCmap()
        for language in ("nl", "fr", "en"):
            used = set("".join(text for key, text in texts(language).items() if key.startswith(("agreement", "statement", "quote", "document", "state_")))) | set("€ \N{NO-BREAK SPACE}éèëïçŁőš")  # fmt: skip
            assert {one for one in used if ord(one) not in known} <= {"\n", "\N{NARROW NO-BREAK SPACE}"}, (
                style,
                language,
            )
