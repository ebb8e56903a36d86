"""What is suggested where nothing is found: counts that are true, single filters before pairs, few queries."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import event

from sharing_platform.database import read_session
from sharing_platform.machines.relaxed_search import relaxed_searches
from sharing_platform.search.criteria import Wish
from sharing_platform.search.relaxation import used_filters, without
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.search.test_order_law import COUNT, found, put_offers
from tests.sharing_platform.search.test_search import described

_EARLY = {"first_day": "2026-03-02", "last_day": "2026-03-02"}
WISHES: list[dict[str, Any]] = [
    {"process": "turning", "near": "Hasselt", "within_km": 1},
    {"process": "turning", "words": "titaan", "near": "Hasselt", "within_km": 5},
    {"process": "turning", "max_price_per_hour": "5", "hours": 39, "first_day": "2026-03-05", "last_day": "2026-03-05"},
    {"process": "milling", "hours": 40, **_EARLY},
    {"hours": 30, "machine": "mill-3", "factory": "hal-2", **_EARLY},
    {"words": "titaan", "operator": "own_required", "hours": 8, "first_day": "2026-03-10", "last_day": "2026-03-10"},
    {"words": "titaan", "operator": "own_required", "hours": 700},
]


def test_suggestions_are_what_the_searches_find(platform: Platform) -> None:
    """All single filters that help, and pairs where none does; never more queries than are promised."""
    put_offers(platform)
    statements: list[str] = []
    engine = platform.context.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    sizes = set()
    with read_session(platform.context.sessions) as session:
        assert platform.app is not None
        index, context = platform.app.state.machine_index, platform.context
        for wanted in WISHES:
            wish = Wish.model_validate(wanted)
            assert found(platform, session, wish, "start", 1)[0] == [], wanted

            def count(names: tuple[str, ...], wish: Wish = wish) -> int:
                return len(found(platform, session, without(wish, names), "start", COUNT)[0])

            helping: dict[tuple[str, ...], int] = {}
            for size in (1, 2):
                ways = combinations(used_filters(wish), size)
                helping = {way: number for way in ways if (number := count(way))}
                if helping:
                    sizes.add(size)
                    break
            statements.clear()
            said = relaxed_searches(session, index, wish, context.now(), context.zone, None)
            grouped = [one for one in statements if "GROUP BY" in one]
            assert len(grouped) == 1
            assert "hours" in wanted or not [one for one in statements if "ORDER BY" in one], "one query is enough"
            assert {one.without: (one.count, one.more) for one in said} == {
                way: (min(number, 100), number > 100) for way, number in helping.items()
            }, wanted
            assert [one.count for one in said] == sorted((one.count for one in said), reverse=True)
    assert sizes == {1, 2}, "the cases hold both"


@pytest.mark.parametrize(
    ("query", "suggestions"),
    [
        ("q=frezen&certificate=ISO+9001&axes=9", [(["axes"], 2), (["q"], 1)]),
        ("process=turning&near=Genk&within_km=5&tolerance_mm=0.1", [(["process"], 1), (["within_km"], 1)]),
        ("factory=hal-2&machine=lathe-1&q=frezen", [(["factory", "machine"], 2), (["q"], 1)]),
        ("q=titanium&day=2026-03-09", [(["q", "day"], 3)]),
        ("q=titanium&first_day=2026-03-09&last_day=2026-03-09", [(["q", "first_day", "last_day"], 3)]),
        ("q=titanium&day=2026-03-09&near=Oostende&within_km=1", []),
        ("q=frezen", []),
    ],
)
def test_the_api_names_the_parameters_to_leave_out(
    platform: Platform, query: str, suggestions: list[tuple[list[str], int]]
) -> None:
    described(platform)
    answer = platform.anyone.get(f"/api/v1/offers?{query}&suggest=true").json()
    assert [(one["without"], one["count"]) for one in answer["suggestions"]] == suggestions
    assert platform.anyone.get(f"/api/v1/offers?{query}").json()["suggestions"] == [], "not unless they are asked for"
    for names, count in suggestions:
        left = "&".join(part for part in query.split("&") if part.partition("=")[0] not in names)
        assert len(platform.anyone.get(f"/api/v1/offers?{left}").json()["offers"]) == count


def test_suggestions_count_nothing_that_is_hidden(platform: Platform) -> None:
    """Neither what is for others, nor what the words of an anonymous machine's owner would find."""
    described(platform)
    platform.offer("partners", 5, 2, machine="mill-9", visibility="partners", partners=["hal-3"])
    platform.offer("secret", 5, 2, machine="mill-8", anonymous=True)
    query = "factory=hal-2&machine=mill-8&operator=own_required&suggest=true"
    answer = platform.anyone.get(f"/api/v1/offers?{query}").json()
    open_offers = len(platform.anyone.get("/api/v1/offers").json()["offers"])
    (one,) = answer["suggestions"]
    assert (set(one["without"]), one["count"]) == ({"factory", "machine", "operator"}, open_offers)
