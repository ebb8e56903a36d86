"""The report of a year, and the commands."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select
from typer.testing import CliRunner

from sharing_platform.database import open_database
from sharing_platform.i18n import Translator
from sharing_platform.regional_statistics import service
from sharing_platform.regional_statistics.areas import areas
from sharing_platform.regional_statistics.models import PublishedFigure, SummaryRow
from sharing_platform.regional_statistics.publication import publish_due
from tests.platform_databases import sqlite_copy
from tests.sharing_platform.regional_statistics.seeded import SeededRegion
from vrijloop.cli import app

ZONE = "Europe/Brussels"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Two weeks of thirty factories, one of which is published."""
    url = sqlite_copy(tmp_path / "platform.sqlite")
    sessions = open_database(url)
    with sessions.begin() as session:
        SeededRegion(session, date(2026, 1, 5), 30).fill(2)
        service.rebuild(session, datetime(2026, 1, 20, tzinfo=UTC), ZONE)
        assert publish_due(session, datetime(2026, 1, 20, tzinfo=UTC), ZONE)
    return url


def plain(text: str) -> str:
    """With one kind of space."""
    return " ".join(text.split())


@pytest.mark.parametrize("language", ["nl", "fr"])
def test_a_year_as_a_document(database: str, tmp_path: Path, language: str) -> None:
    written = tmp_path / "report.pdf"
    asked = [
        "region-report",
        "--year",
        "2026",
        "--language",
        language,
        "--output",
        str(written),
        "--database",
        database,
    ]
    done = CliRunner().invoke(app, [*asked, "--url", "https://share.example"])
    assert done.exit_code == 0, done.output
    document = PdfReader(io.BytesIO(written.read_bytes()))
    text = plain(" ".join(page.extract_text() for page in document.pages))
    t = Translator(language, ZONE)
    assert plain(t("yearly_report_title", year=2026)) in text
    assert "https://share.example/region" in text
    listings = text.partition(plain(t("figures_unmatched")))[2]
    assert re.search(rf"{t('section_training')}( \d+){{4}} 40 ", listings), "beside those for machines"
    with open_database(database)() as session:
        of = (
            PublishedFigure.subject == "machine",
            PublishedFigure.measure.in_(["free", "kept", "broken", "cancelled"]),
        )
        offered = session.scalar(select(func.sum(PublishedFigure.size)).where(*of))
        by_area = session.execute(select(PublishedFigure.area, func.sum(PublishedFigure.size)).where(*of, PublishedFigure.area != "").group_by(PublishedFigure.area)).all()  # fmt: skip
    assert plain(t.whole(offered or 0)) in text
    assert by_area
    for area, size in by_area:
        assert f"{areas()[area][language]} {plain(t.whole(size))}" in text, "maps too small for names have a line below"
    assert "org-" not in text
    assert document.metadata is not None
    assert document.metadata.title == t("yearly_report_title", year=2026)


def test_a_year_of_which_nothing_is_published(database: str, tmp_path: Path) -> None:
    asked = ["region-report", "--year", "2020", "--output", str(tmp_path / "none.pdf"), "--database", database]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code != 0
    assert "2020" in str(done.exception) + done.output
    assert not (tmp_path / "none.pdf").exists()


def test_summaries_are_computed_anew_by_command(database: str) -> None:
    sessions = open_database(database)
    with sessions.begin() as session:
        rows = list(session.scalars(select(SummaryRow).where(SummaryRow.week == date(2026, 1, 12))))
        before = {(row.source, row.measure, row.kind, row.seeker): row.size for row in rows}
        for row in rows:
            row.size += 1000
    done = CliRunner().invoke(app, ["region-rebuild", "--database", database])
    assert done.exit_code == 0, done.output
    with sessions() as session:
        rows = list(session.scalars(select(SummaryRow).where(SummaryRow.week == date(2026, 1, 12))))
        assert {(row.source, row.measure, row.kind, row.seeker): row.size for row in rows} == before
