"""Words as people write them, in three languages: what they say of hours, days, places and prices; and nothing else is taken from them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.geography import place_named
from sharing_platform.search.axes import axes_named
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


@pytest.mark.parametrize(
    ("written", "axes", "words"),
    [
        ("5-assig frezen", 5, "frezen"), ("5-assige freesmachine", 5, "freesmachine"), ("frezen op een vijfasser", 5, "frezen op een"), ("5-as frezen", 5, "frezen"),
        ("frezen 4 assen", 4, "frezen"), ("fraisage 5 axes aluminium", 5, "fraisage aluminium"), ("fraisage cinq axes", 5, "fraisage"), ("5 axes", 5, ""),
        ("five-axis milling", 5, "milling"), ("3 axis mill", 3, "mill"), ("5-Achs Fräsen", 5, "Fräsen"), ("fünfachsige Fräsmaschine", 5, "Fräsmaschine"), ("4-achsig", 4, ""),
        # What only looks like it stays.
        ("10 assen draaien", None, "10 assen draaien"), ("8 assen draaien", None, "8 assen draaien"), ("gat in as boren", None, "gat in as boren"),
        ("assen slijpen", None, "assen slijpen"), ("3-assig of 5-assig", None, "3-assig of 5-assig"), ("1,5 axes", None, "1,5 axes"), ("M5 assen", None, "M5 assen"),
        ("5 assistenten", None, "5 assistenten"), ("frezen", None, "frezen"), ("", None, ""),
    ],
)  # fmt: skip
def test_axes_are_understood(written: str, axes: int | None, words: str) -> None:
    assert axes_named(written) == (axes, words)


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
    # Axes are a filter of machines.
    platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json={"place": "Genk", "axes": 5})
    platform.machine("mill-2", "5-assig bewerkingscentrum", process="milling")
    platform.offer("o2", 24 * 7, 12, machine="mill-2")
    for words, axes, found in (
        ("5-assig frezen", 5, {"o1", "o2"}),
        ("frezen 6 axis", 6, set()),
        ("5 axes", 5, {"o1", "o2"}),
    ):
        page = platform.anyone.get("/", params={"q": words}).text
        assert {one for one in ("o1", "o2") if f'data-offer="{one}"' in page} == found, words
        assert f'name="axes" min="1" max="12" value="{axes}"' in page
        everything = platform.anyone.get("/api/v1/search", params={"q": words}).json()["machines"]
        assert (everything["count"] if everything["by_process"] is None else 0) == len(found), words
    assert 'value="3"' in platform.anyone.get("/", params={"q": "5-assig", "axes": "3"}).text
    # What is filled in counts more than what is written.
    assert 'value="3"' in platform.anyone.get("/", params={"q": "frezen 10 uur", "hours": "3"}).text
