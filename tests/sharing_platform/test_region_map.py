"""The map on the first page: machines counted where they stand, and of anonymous ones no more than their surroundings."""

from __future__ import annotations

import re

import pytest

from sharing_platform.geography import distance_km, place_named
from sharing_platform.machines.region_map import region_map
from tests.sharing_platform.conftest import Platform


@pytest.mark.parametrize(
    ("place", "municipality"),
    [
        ("Genk", "Genk"),
        ("Borgloon", "Tongeren-Borgloon"),
        ("Brustem", "Sint-Truiden"),
        ("Overpelt", "Pelt"),
        ("Munsterbilzen", "Bilzen-Hoeselt"),
        ("Opglabbeek", "Oudsbergen"),
        ("Luik", None),
        ("Antwerpen", None),
    ],
)
def test_a_place_lies_in_its_municipality(place: str, municipality: str | None) -> None:
    known = place_named(place)
    assert known is not None
    found = region_map().nearest((known.latitude, known.longitude))
    assert (found.name if found is not None else None) == municipality


def test_every_municipality_is_drawn_and_can_be_searched_around() -> None:
    region = region_map()
    assert len(region.municipalities) == 38
    for one in region.municipalities:
        town = place_named(one.near)
        assert town is not None, one.near
        near = min(distance_km((town.latitude, town.longitude), place) for place in one.places)
        assert near < (7 if one.name == "Herstappe" else 1), one.name
        assert re.fullmatch(r"(M[-\d.]+,[-\d.]+( [-\d.]+,[-\d.]+){2,}z)+", one.path), one.name
        assert 0 <= one.x <= region.width
        assert 0 <= one.y <= region.height


def circles(page: str) -> list[tuple[str, str]]:
    """What each circle says, and where it leads."""
    figure = page.partition('<figure class="map">')[2].partition("</figure>")[0]
    return [
        (said, address.replace("&amp;", "&"))
        for address, said in re.findall(r'<a href="([^"]*)" aria-label="([^"]*)"', figure)
    ]


def test_machines_are_counted_where_they_stand(platform: Platform) -> None:
    for name, place in (("m1", "Genk"), ("m2", "Genk"), ("m3", "Borgloon"), ("m4", "Luik"), ("m5", "")):
        platform.machine(name, name)
        platform.hal_2.put(f"/api/v1/machines/hal-2/{name}/details", json={"place": place})
        platform.offer(f"o-{name}", 3, 4, machine=name)
    page = platform.anyone.get("/").text
    assert circles(page) == [
        ("2 machines in Genk", "/?near=Genk&within_km=10"),
        ("1 machine in Tongeren-Borgloon", "/?near=Tongeren&within_km=10"),
    ]
    assert "Elders: 1." in page
    found = platform.anyone.get("/?near=Genk&within_km=10").text
    assert found.count('<li class="result"') == 2
    assert "<figure" not in found, "a search shows what it found"


def test_an_anonymous_machine_stands_somewhere_around(platform: Platform) -> None:
    platform.machine("secret", "Geheim", anonymous=True)
    platform.hal_2.put("/api/v1/machines/hal-2/secret/details", json={"place": "Diepenbeek"})
    platform.offer("o1", 3, 4, machine="secret", anonymous=True)
    (said, address) = circles(platform.anyone.get("/").text)[0]
    assert said.startswith("1 anonieme machine in de ruime omgeving van")
    assert "Diepenbeek" not in said
    found = platform.anyone.get(address).text
    assert '<li class="result"' in found
    around = said.removeprefix("1 anonieme machine ")
    assert f"fabriek nog niet bekend, {around}" in found
    (machine,) = re.findall(r'<h3><a href="(/machines/[^"]+)"', found)
    assert all(
        around in platform.anyone.get(path).text for path in (machine, re.findall(r'href="(/offers/[^"?]+)', found)[0])
    )
