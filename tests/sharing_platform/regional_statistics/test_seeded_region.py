"""A region of sixty factories: what is published of it is what happened, and says what the region lacks. A year in `make campaign`, three weeks in the suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.regional_statistics import service
from sharing_platform.regional_statistics.areas import area_of
from sharing_platform.regional_statistics.models import PublishedFigure, PublishedFlow
from sharing_platform.regional_statistics.publication import publish_due
from sharing_platform.regional_statistics.reading import SEASON, published_weeks
from sharing_platform.regional_statistics.view import read_view
from tests.platform_databases import reset_postgresql
from tests.sharing_platform.conftest import platform_over
from tests.sharing_platform.regional_statistics.raw_events import (
    ZONE,
    figures_that_differ,
    flows_that_differ,
    raw_events,
)
from tests.sharing_platform.regional_statistics.seeded import LACKING, SeededRegion

FACTORIES, WEEKS = 60, 53 if os.environ.get("VRIJLOOP_REGION_YEAR") else 3
FIRST = date(2025, 12, 8)
"""Three weeks before a quarter begins, so that the suite's last week publishes flows."""
COMPARED = {
    ("machine", "free"), ("machine", "kept"), ("machine", "declined"), ("machine", "unmatched"), ("machine", "searched"),
    ("listing", "free"), ("listing", "kept"), ("listing", "unmatched"),
}  # fmt: skip
"""What is published by kind even in three weeks."""


@pytest.fixture(scope="module")
def region(postgres: str) -> Iterator[Session]:
    with platform_over(reset_postgresql(postgres)) as platform:
        sessions = platform.context.sessions
        with sessions.begin() as session:
            SeededRegion(session, FIRST, FACTORIES).fill(WEEKS)
        now = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=7 * (WEEKS + 1) + 1)
        with sessions.begin() as session:
            service.rebuild(session, now, ZONE)
        for _ in range(WEEKS):
            with sessions.begin() as session:
                assert publish_due(session, now, ZONE)
        with sessions() as session:
            yield session


def test_figures_and_flows_are_those_of_the_events(region: Session) -> None:
    """Each at its place, to the rounding."""
    figures, flows = list(region.scalars(select(PublishedFigure))), list(region.scalars(select(PublishedFlow)))
    raw = raw_events(region)
    assert figures_that_differ(figures, raw) == []
    assert flows_that_differ(flows, figures, raw) == []
    assert {(one.subject, one.measure) for one in figures if one.kind} >= COMPARED
    assert {one.week for one in figures if one.measure == "free" and one.municipality}
    assert any(one.area for one in flows)
    if WEEKS > SEASON:
        assert any(one.towards for one in flows)
        assert len({one.week for one in figures if (one.subject, one.measure) == ("machine", "free")}) > 0.9 * WEEKS


def test_everybody_sees_where_milling_is_lacking(region: Session) -> None:
    """There, where nobody has it and many ask for it."""
    view = read_view(region, published_weeks(region), "milling")
    assert view is not None
    assert view.lacking[0].kind == "milling", "more than anything else"
    (lacking,) = {area_of(town) for town in LACKING["milling"]}
    missed = {one.code: one.size for one in view.missed.areas}
    assert missed[lacking] > 2 * max(size for code, size in missed.items() if code != lacking), missed
    assert {one.code: one.size for one in view.offered.areas}[lacking] == 0
