"""What the matches of a search tell its owner."""

from __future__ import annotations

import warnings
from threading import Thread

import pytest
from sqlalchemy import delete

from sharing_platform.machines.schemas import OfferIn
from sharing_platform.wanted.models import Match, Search
from tests.platform_databases import waits_for_another
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.search.test_search import WANTED, described


def test_matches_of_a_closed_search_show_no_more_than_their_reader_may_see(platform: Platform) -> None:
    """Nobody looks for its matches any more, and the offer is for others by now."""
    described(platform)
    seeker = platform.somebody("an@startup.be", "startup")
    notice = seeker.post("/api/v1/wanted", json=WANTED).json()
    seeker.delete(f"/api/v1/wanted/{notice['id']}")
    path = f"/wanted/{notice['id']}"
    (match,) = seeker.get(f"/api/v1{path}/matches").json()["matches"]
    assert match["what"]["title"] in seeker.get(path).text
    kept = {
        key: value
        for key, value in platform.hal_2.get("/api/v1/offers/big").json().items()
        if key in OfferIn.model_fields
    }
    kept |= {"factory": "hal-2", "visibility": "partners", "partners": ["hal-3"], "anonymous": None}
    assert platform.hal_2.put("/api/v1/offers/big", json=kept).status_code == 200
    (after,) = seeker.get(f"/api/v1{path}/matches").json()["matches"]
    assert after["what"] is None
    assert match["what"]["title"] not in seeker.get(path).text


@pytest.mark.parametrize("platform", ["postgresql"], indirect=True)
def test_two_processes_that_look_for_matches_take_turns(platform: Platform) -> None:
    """Both would remove what no longer matches: the second one found nothing to remove, or both told of what is new."""
    described(platform)
    seeker = platform.somebody("an@startup.be", "startup")
    search = seeker.post("/api/v1/searches", json=WANTED).json()["id"]
    assert seeker.get(f"/api/v1/searches/{search}/matches").json()["matches"]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with platform.context.sessions.begin() as other:
            other.get_one(Search, search, with_for_update=True)
            other.execute(delete(Match).where(Match.search_id == search))
            platform.hal_2.delete("/api/v1/offers/big")
            process = Thread(target=platform.tick)
            process.start()
            wait_for(lambda: waits_for_another(platform.context.sessions), "the other process to wait")
        process.join()
    assert [str(one.message) for one in heard if "search_match" in str(one.message)] == []
