"""Wanted notices with parts: each is matched and answered on its own, and only a yes tells both sides how to reach each other."""

from __future__ import annotations

from typing import Any

import httpx2

from sharing_platform.wanted.matching import to_match
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.search.test_search import described, listing

HOUSING: dict[str, Any] = {
    "title": "Behuizing voor een sensor", "text": "200 stuks.", "wish": {"materials": ["aluminium"]},
    "parts": [
        {"title": "Frezen", "wish": {"process": "milling", "materials": ["aluminium"]}},
        {"title": "Iemand die leert lassen", "wish": {"subject": "training", "process": "welding"}},
    ],
}  # fmt: skip


def posted(platform: Platform) -> tuple[httpx2.Client, dict[str, Any]]:
    seeker = platform.somebody("an@startup.be", "startup")
    answer = seeker.post("/api/v1/wanted", json=HOUSING)
    assert answer.status_code == 201, answer.text
    return seeker, seeker.get(f"/api/v1/wanted/{answer.json()['id']}").json()


def test_each_part_is_matched_on_its_own(platform: Platform) -> None:
    described(platform)
    seeker, notice = posted(platform)
    milling, welding = (f"/api/v1/wanted/{part['id']}/matches" for part in notice["parts"])
    assert [one["subject"] for one in seeker.get(milling).json()["matches"]] == ["offer:big", "offer:small"]
    assert seeker.get(welding).json()["matches"] == []
    assert seeker.get(f"/api/v1/wanted/{notice['id']}/matches").json()["matches"] == [], "not the whole"
    platform.hal_2.post("/api/v1/listings", json=listing("training", places=4, details={"process": "welding"}))
    platform.tick()
    assert len(seeker.get(welding).json()["matches"]) == 1
    assert f"/wanted/{notice['id']}" in platform.mail("an@startup.be", "Iemand die leert lassen").get_content()
    assert platform.hal_3.get(milling).status_code == 404
    listed = platform.anyone.get("/api/v1/wanted").json()["searches"]
    assert [one["id"] for one in listed] == [notice["id"]], "parts are no notices of their own"
    assert platform.anyone.get("/api/v1/search?q=lassen").json()["notices"]["count"] == 1, "but it is found by them"
    page = seeker.get(f"/wanted/{notice['id']}").text
    assert page.index("1. Frezen") < page.index("2. Iemand die leert lassen")
    assert "data-match" in page
    assert "data-match" not in platform.anyone.get(f"/wanted/{notice['id']}").text
    seeker.delete(f"/api/v1/wanted/{notice['id']}")
    with platform.context.sessions() as session:
        assert list(session.scalars(to_match())) == []


def test_who_answers_a_part_is_told_yes_or_no(platform: Platform) -> None:
    seeker, notice = posted(platform)
    part = notice["parts"][0]["id"]
    path = f"/api/v1/wanted/{part}/answers"
    planner = platform.somebody("p@hal.be", "hal-2")
    new = platform.somebody("new@new.be", "newcomer", approved=False)
    refused = [(platform.anyone, 401, "sign_in"), (new, 403, "not_approved"), (seeker, 409, "own")]
    for client, status, code in refused:
        answer = client.post(path, json={"text": "Wij?"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    page = f"/wanted/{notice['id']}"
    assert "Wij kunnen dit" in planner.get(page).text
    assert "Wij kunnen dit" not in platform.anyone.get(page).text
    assert (
        planner.post(f"/wanted/{part}/answers", data={"notice": notice["id"]}).headers["location"]
        == f"{page}?done=answered"
    )
    assert planner.post(path, json={"text": "Vanaf maart."}).status_code == 201, "said again, with more"
    assert platform.hal_3.post(path, json={}).status_code == 201
    assert "/wanted/" in platform.mail("an@startup.be", "hal-2 antwoordt").get_content()

    for stranger in (platform.anyone, platform.hal_3):
        text = stranger.get(page).text
        assert "2 organisaties hebben geantwoord" in text
        assert "Vanaf maart" not in text, "who else answers is the seeker's affair"
    assert [one["text"] for one in platform.hal_3.get(path).json()["answers"]] == [""]
    answers = sorted(seeker.get(path).json()["answers"], key=lambda one: str(one["organisation"]))
    assert [(one["organisation"], one["email"]) for one in answers] == [("hal-2", ""), ("hal-3", "")]
    chosen = f"/wanted/{part}/answers/{answers[0]['id']}"
    assert planner.put(f"/api/v1{chosen}?accepted=true").status_code == 404, "only the seeker says yes"
    assert seeker.post(chosen, data={"notice": notice["id"], "accepted": "yes"}).status_code == 303
    assert seeker.put(f"/api/v1{chosen}?accepted=false").json()["code"] == "answer_decided"
    assert seeker.put(f"/api/v1/wanted/{part}/answers/{answers[1]['id']}?accepted=false").json()["state"] == "declined"
    assert platform.mail("p@hal.be", "Ja op uw antwoord")
    assert planner.get(path).json()["answers"][0]["email"] == "an@startup.be"
    assert "p@hal.be" in seeker.get(page).text
    assert "p@hal.be" not in platform.hal_3.get(page).text
    assert platform.anyone.get(f"/api/v1{page}").json()["parts"][0]["filled"] is True
