"""What the overview and the settings of an organisation tell its people."""

from __future__ import annotations

from html import unescape

import pytest

from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import ONE_DATABASE, Platform

pytestmark = pytest.mark.parametrize("platform", ONE_DATABASE, indirect=True)

HIDDEN = "Niet zichtbaar voor anderen tot de regio uw organisatie heeft goedgekeurd."
ANSWER = "Hier beantwoordt u aanvragen zodra de regio"
OFFER = "Machines en hun vrije uren kunt u aanbieden zodra de regio"
LIST = "Operatoren, toestellen, kennis en opleiding kunt u aanbieden zodra de regio"
INTEGRATE = "Agenda's en webhooks kunt u instellen zodra de regio"


@pytest.mark.parametrize(
    ("kind", "role", "expected"),
    [
        (Kind.FACTORY, Role.OWNER, {ANSWER, OFFER, LIST, INTEGRATE, HIDDEN}),
        (Kind.SEEKER, Role.PLANNER, {LIST, INTEGRATE, HIDDEN}),
        (Kind.FACTORY, Role.MEMBER, {HIDDEN}),
    ],
)
def test_until_the_region_has_decided_what_is_missing_says_so(
    platform: Platform, kind: Kind, role: Role, expected: set[str]
) -> None:
    owner = platform.somebody("o@new.be", "new", Role.OWNER, kind, approved=False)
    visitor = owner if role is Role.OWNER else platform.somebody("p@new.be", "new", role, approved=False)
    posted = owner.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {"process": "turning"}})
    notice = f"/wanted/{posted.json()['id']}"
    shown = unescape(visitor.get("/desk").text + visitor.get("/organisation").text)
    said = {ANSWER, OFFER, LIST, INTEGRATE, HIDDEN}
    assert {one for one in said if one in shown} == expected
    assert HIDDEN in visitor.get(notice).text
    assert HIDDEN in visitor.get("/wanted/new").text, "before it is posted, too"
    assert platform.anyone.get(notice).status_code == 404, "which is true"
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    region.put("/api/v1/region/organisations/new/approval", json={"approved": True})
    shown = unescape(visitor.get("/desk").text + visitor.get("/organisation").text + visitor.get(notice).text)
    assert {one for one in said if one in shown} == set()
    assert platform.anyone.get(notice).status_code == 200
