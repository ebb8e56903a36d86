"""The region's figures with 300 factories and two years, measured: `make bench-region` writes benchmarks/results/region.json.

What happened is written into PostgreSQL; summaries, publication and pages are the platform's own. BENCH_QUICK: sixty factories and thirty weeks.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from benchmarks.machine import described, percentile
from sharing_platform.database import open_database, read_session
from sharing_platform.dependencies import ZONE
from sharing_platform.machines.models import Offer
from sharing_platform.regional_statistics import service
from sharing_platform.regional_statistics.models import PublishedFigure, SummaryRow
from sharing_platform.regional_statistics.publication import publish_due
from sharing_platform.regional_statistics.view import ViewCache
from tests.postgres import fresh_database, postgresql
from tests.sharing_platform.conftest import platform_over
from tests.sharing_platform.regional_statistics.seeded import PROCESSES, SeededRegion

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "region.json"
FACTORIES, WEEKS = (60, 30) if os.environ.get("BENCH_QUICK") else (300, 104)
FIRST = date(2024, 1, 1)
REQUESTS = 200


def main() -> None:
    with postgresql() as server:
        result = described() | {"factories": FACTORIES, "weeks": WEEKS} | measured(fresh_database(server))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def measured(url: str) -> dict[str, Any]:
    sessions = open_database(url)
    now = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=7 * (WEEKS + 1) + 1)
    with sessions.begin() as session:
        SeededRegion(session, FIRST, FACTORIES).fill(WEEKS)
    with sessions.begin() as session:
        session.execute(text("ANALYZE"))
    rebuilt = seconds(lambda: in_transaction(sessions, lambda session: service.rebuild(session, now, ZONE)))
    with sessions.begin() as session:
        for offer in session.scalars(select(Offer).where(Offer.start >= now - timedelta(days=14)).limit(20)).all():
            offer.changed = now
    updated = seconds(lambda: service.update(sessions, now, ZONE))
    published = []
    while True:
        began = time.perf_counter()
        if not in_transaction(sessions, lambda session: publish_due(session, now, ZONE)):
            break
        published.append(time.perf_counter() - began)
    with sessions() as session:
        rows = {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in (SummaryRow, PublishedFigure)}  # fmt: skip
    first_views = [view_anew(sessions, kind) for kind in (None, *PROCESSES) for _ in range(3)]
    return {
        "rows": rows, "rebuild_s": round(rebuilt, 1), "update_of_20_offers_s": round(updated, 2), "publish_week_p95_s": round(percentile(published, 95), 2),
        "first_view_p95_ms": round(percentile(first_views, 95) * 1000, 1), **pages(url, now),
    }  # fmt: skip


def pages(url: str, now: datetime) -> dict[str, float]:
    """As visitors ask for them, one after the other."""
    with platform_over(url) as platform:
        platform.present[0] = now
        paths = ["/region", *(f"/region?process={one}" for one in PROCESSES)]
        taken = []
        for number in range(REQUESTS):
            began = time.perf_counter()
            answer = platform.anyone.get(paths[number % len(paths)])
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.is_success
            assert "<svg" in answer.text
    return {f"page_p{share}_ms": round(percentile(taken, share), 1) for share in (50, 95)}


def view_anew(sessions: sessionmaker[Session], kind: str | None) -> float:
    """How long the first visitor of a week waits for it, in each process of the platform."""
    with read_session(sessions) as session:
        return seconds(lambda: ViewCache().view(session, kind))


def in_transaction(sessions: sessionmaker[Session], step: Callable[[Session], Any]) -> Any:
    with sessions.begin() as session:
        return step(session)


def seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
