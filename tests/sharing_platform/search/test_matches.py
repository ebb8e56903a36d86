"""What the matches of a search tell its owner."""

from __future__ import annotations

from sharing_platform.machines.schemas import OfferIn
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
