"""Words as people write them, in three languages: what they say of hours, days, places and prices; and nothing else is taken from them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.geography import place_named
from sharing_platform.search.phrases import understand
from tests.sharing_platform.conftest import Platform

TODAY = date(2026, 3, 4)  # a Wednesday
NEXT_WEEK = {"day": "2026-03-09", "last_day": "2026-03-15"}
GENK = {"near": "Genk", "within_km": "25"}


def on(day: str) -> dict[str, str]:
    return {"day": day, "last_day": day}


@pytest.mark.parametrize(
    ("written", "words", "fields"),
    [
        ("5-assig frezen volgende week bij Genk 10 uur", "5-assig frezen", {"hours": "10", **NEXT_WEEK, **GENK}),
        (
            "fraisage 5 axes la semaine prochaine près de Genk 10 heures",
            "fraisage 5 axes",
            {"hours": "10", **NEXT_WEEK, **GENK},
        ),
        ("5-axis milling next week near Genk 10 hours", "5-axis milling", {"hours": "10", **NEXT_WEEK, **GENK}),
        ("draaien op vrijdag", "draaien", on("2026-03-06")),
        ("draaien woensdag", "draaien", on("2026-03-11")),
        ("tournage lundi prochain", "tournage", on("2026-03-09")),
        ("turning tomorrow 2.5h", "turning", {"hours": "2.5", **on("2026-03-05")}),
        ("lassen overmorgen", "lassen", on("2026-03-06")),
        ("soudage demain", "soudage", on("2026-03-05")),
        ("laser dit weekend", "laser", {"day": "2026-03-07", "last_day": "2026-03-08"}),
        ("laser in mei", "laser", {"day": "2026-05-01", "last_day": "2026-05-31"}),
        ("laser en février", "laser", {"day": "2027-02-01", "last_day": "2027-02-28"}),
        ("laser op 12/3", "laser", on("2026-03-12")),
        ("laser 2/1", "laser", on("2027-01-02")),
        ("laser 2026-04-02", "laser", on("2026-04-02")),
        ("kanten binnen 10 km van Sint-Truiden", "kanten", {"near": "Sint-Truiden", "within_km": "10"}),
        ("pliage dans un rayon de 30 km de Hasselt", "pliage", {"near": "Hasselt", "within_km": "30"}),
        ("slijpen in de buurt van genk", "slijpen", {"near": "genk", "within_km": "25"}),
        ("frezen max € 60 per uur", "frezen", {"max_price": "60"}),
        ("fraisage moins de 75,50 euros", "fraisage", {"max_price": "75,50"}),
        ("milling under €80", "milling", {"max_price": "80"}),
        # What only looks like it stays.
        ("frezen vanaf 14 uur", "frezen vanaf 14 uur", {}),
        ("gat in as boren", "gat in as boren", {}),
        ("boren in As", "boren", {"near": "As", "within_km": "25"}),
        ("bij voorkeur inox", "bij voorkeur inox", {}),
        ("aluminium 6082 tot 20 mm", "aluminium 6082 tot 20 mm", {}),
        ("stuk van 300 x 200 binnen 5 km", "stuk van 300 x 200", {}),
        ("as 31/2", "as 31/2", {}),
        ("morgenster", "morgenster", {}),
        ("900 uur", "900 uur", {}),
        ("", "", {}),
    ],
)
def test_what_is_written_is_understood(written: str, words: str, fields: dict[str, str]) -> None:
    found = understand(written, TODAY, lambda name: place_named(name) is not None)
    assert found.words == words
    assert found.fields == fields


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "bij",
                "Genk",
                "10",
                "uur",
                "morgen",
                "max",
                "€",
                "50",
                "12/3",
                "in",
                "As",
                "binnen",
                "5",
                "km",
                "van",
                "op",
                "vrijdag",
            ]
        )
    ).map(" ".join)
)
def test_nothing_is_made_up(written: str) -> None:
    found = understand(written, TODAY, lambda name: place_named(name) is not None)
    left = iter(written.split())
    assert all(any(word in one for one in left) for word in found.words.split()), "words are left in their order"
    assert set(found.fields) <= {"hours", "day", "last_day", "near", "within_km", "max_price"}


def test_a_sentence_fills_the_filters_and_each_can_be_dropped(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json={"place": "Genk"})
    platform.offer("o1", 24 * 7, 12)
    page = platform.anyone.get("/", params={"q": "frezen volgende week bij Genk 10 uur"}).text
    assert 'data-offer="o1"' in page
    assert 'name="q" maxlength="200" value="frezen"' in page
    assert 'name="near" maxlength="100" value="Genk"' in page
    assert 'name="hours" min="1" max="744" step="0.5" value="10"' in page
    chips = page.partition('<ul class="chips"')[2].partition("</ul>")[0]
    assert [part.partition(">")[2].partition("<")[0] for part in chips.split("<a ")[1:]] == [
        "frezen",
        "ma 09/03/2026 – zo 15/03/2026",
        "minstens 10 uur",
        "binnen 25 km van Genk",
    ]
    without_hours = (
        next(part for part in chips.split("<a ") if ">minstens 10 uur<" in part)
        .partition('href="')[2]
        .partition('"')[0]
    )
    assert "hours" not in without_hours
    assert "day=2026-03-09" in without_hours
    # What is filled in is searched for again as it stands.
    assert 'name="last_day" value="2026-03-15"' in page
    later = platform.anyone.get("/", params={"day": "2026-03-20", "last_day": "2026-03-15"}).text
    assert ">vr 20/03/2026<" in later
    # What is filled in counts more than what is written.
    assert 'value="3"' in platform.anyone.get("/", params={"q": "frezen 10 uur", "hours": "3"}).text
