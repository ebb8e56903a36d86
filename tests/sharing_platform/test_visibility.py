"""Who may not see what a machine offers does not see the machine either: not its page, its state, nor that there is one."""

from __future__ import annotations

from typing import Any

import pytest

from sharing_platform.organisations.permissions import Kind
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.crawl import crawl


@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize(
    ("terms", "sees"),
    [
        ({"visibility": "public"}, {"anybody", "a newcomer", "a member", "a partner"}),
        ({"visibility": "members"}, {"a member", "a partner"}),
        ({"visibility": "partners", "partners": ["hal-3"]}, {"a partner"}),
        ({"visibility": "partners", "partners": []}, set()),
        (None, set()),
    ],
)
def test_a_machine_is_seen_by_those_who_see_its_hours(
    platform: Platform, terms: dict[str, Any] | None, sees: set[str], anonymous: bool
) -> None:
    platform.machine("mill-1", "Freesbank", process="Zeldzaam werk", now="standing_still", anonymous=anonymous)
    if terms is not None:
        platform.offer(**terms)
    path = "/machines/hal-2/mill-1"
    if anonymous and terms is not None and sees:
        path = f"/machines/{platform.hal_3.get('/api/v1/offers').json()['offers'][0]['machine']}"
    name = path.rpartition("/")[2]
    clients = {
        "anybody": platform.anyone, "a newcomer": platform.somebody("n@new.be", "newcomer", approved=False),
        "a member": platform.startup, "a partner": platform.hal_3,
    }  # fmt: skip
    for who, client in clients.items():
        expected = 200 if who in sees else 404
        assert client.get(f"/api/v1{path}").status_code == expected, who
        assert client.get(path).status_code == expected, who
        for page in ("/", "/parts/machines"):
            shown = client.get(page).text
            assert (f'data-machine="{name}"' in shown) == (who in sees), (who, page)
            assert ('class="machine ' in shown) == (who in sees), (who, page)
        assert ("Zeldzaam werk" in client.get("/").text) == (who in sees), "nor is its process a choice of the filter"
    assert platform.hal_2.get("/api/v1/machines/hal-2/mill-1").status_code == 200
    own = platform.somebody("eva@x.be", "hal-2", kind=Kind.FACTORY)
    assert 'data-machine="mill-1"' in own.get("/").text


def test_nothing_of_a_partners_machine_is_found_by_reading_everything(platform: Platform) -> None:
    platform.machine("press-9", "Kantpers", now="in_use")
    platform.offer(machine="press-9", visibility="partners", partners=["hal-3"])
    for client in (platform.anyone, platform.startup):
        assert not [path for path, text in crawl(client).items() if "press-9" in text or "Kantpers" in text]


def test_a_machine_is_seen_while_its_hours_are_booked_and_no_longer_when_they_are_over(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 4)
    assert platform.startup.post("/api/v1/offers/o1/booking").status_code == 201
    assert platform.anyone.get("/api/v1/machines/hal-2/mill-1").status_code == 200
    platform.later(8)
    assert platform.anyone.get("/api/v1/machines/hal-2/mill-1").status_code == 404
    platform.offer("o2", 20, 4)
    assert platform.anyone.get("/api/v1/machines/hal-2/mill-1").status_code == 200
    platform.hal_2.delete("/api/v1/offers/o2")
    assert platform.anyone.get("/api/v1/machines/hal-2/mill-1").status_code == 404
