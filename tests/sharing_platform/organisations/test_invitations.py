"""Nobody becomes a member without having agreed, and everybody can leave."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import Platform, client

PASSWORD = "een zin die lang genoeg is"


def browser(platform: Platform) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url}, timeout=30)


def invite(owner: httpx2.Client, email: str = "piet@hal.be", role: str = "planner") -> dict[str, Any]:
    body = {"name": "Piet", "email": email, "role": role}
    answer = owner.post("/api/v1/organisation/members", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def members(owner: httpx2.Client) -> dict[str, str]:
    found = owner.get("/api/v1/organisation/members").json()["members"]
    return {one["email"]: one["role"] for one in found}


def id_of(owner: httpx2.Client, email: str) -> str:
    found = owner.get("/api/v1/organisation/members").json()["members"]
    return str(next(one["id"] for one in found if one["email"] == email))


def test_somebody_new_accepts_with_the_link(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    made = invite(owner)
    assert members(owner) == {"o@hal.be": "owner"}
    assert [one["email"] for one in owner.get("/api/v1/organisation/members").json()["invited"]] == ["piet@hal.be"]
    link = platform.secret_in_mail("piet@hal.be")
    shown = platform.anyone.post("/api/v1/accounts/link", json={"link": link}).json()
    assert (shown["purpose"], shown["organisation"], shown["role"]) == ("invitation", "hal-2", "planner")
    piet = browser(platform)
    body = {"link": link, "password": PASSWORD, "name": "Piet Maes"}
    assert piet.post("/api/v1/accounts/welcome", json=body).status_code == 204
    assert members(owner) == {"o@hal.be": "owner", "piet@hal.be": "planner"}
    assert piet.get("/api/v1/account").json()["name"] == "Piet Maes"
    assert piet.get("/api/v1/webhooks").status_code == 200
    assert piet.get("/api/v1/organisation/members").status_code == 403
    path = f"/api/v1/organisation/members/{id_of(owner, 'piet@hal.be')}"
    assert owner.put(path, json={"role": "member"}).status_code == 204
    assert piet.get("/api/v1/webhooks").status_code == 403, "at once"
    me = f"/api/v1/organisation/members/{id_of(owner, 'o@hal.be')}"
    for method, change in (("PUT", {"role": "planner"}), ("DELETE", None)):
        assert owner.request(method, me, json=change).json()["code"] == "last_owner"
    assert owner.delete(path).status_code == 204
    assert piet.get("/api/v1/organisation").status_code == 401, "out at once"
    assert owner.delete(f"/api/v1/organisation/invitations/{made['id']}").status_code == 404, "answered"


def test_somebody_with_an_account_accepts_signed_in(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    piet = platform.somebody("piet@hal.be", "maes", password=PASSWORD)
    made = invite(owner)
    mail = platform.mail("piet@hal.be", "nodigt u uit").get_content()
    assert "/welcome/" not in mail
    assert "hal-2" not in mail
    assert members(owner) == {"o@hal.be": "owner"}
    stranger = platform.somebody("x@x.be", "other")
    for client_, code in ((stranger, 404), (platform.anyone, 401)):
        answer = client_.put(f"/api/v1/account/invitations/{made['id']}", json={"accepted": True})
        assert answer.status_code == code
    (own,) = piet.get("/api/v1/account/invitations").json()["invitations"]
    assert (own["organisation"], own["role"]) == ("hal-2", "planner")
    assert "hal-2 nodigt u uit om lid te worden (planner)" in piet.get("/desk").text
    assert piet.put(f"/api/v1/account/invitations/{made['id']}", json={"accepted": True}).status_code == 204
    assert members(owner) == {"o@hal.be": "owner", "piet@hal.be": "planner"}
    assert piet.get("/api/v1/account").json()["speaks_for"] == "maes", "until they choose otherwise"
    again = owner.post("/api/v1/organisation/members", json={"name": "Piet", "email": "piet@hal.be", "role": "owner"})
    assert again.json()["code"] == "already_member", "a role is changed with the members, not by inviting again"


@pytest.mark.parametrize("known", [True, False])
def test_whoever_declines_is_no_member(platform: Platform, known: bool) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    piet = platform.somebody("piet@hal.be", password=PASSWORD) if known else browser(platform)
    invite(owner)
    if known:
        (own,) = piet.get("/api/v1/account/invitations").json()["invitations"]
        done = piet.post(f"/invitations/{own['id']}", data={"accepted": "no"}, follow_redirects=True)
    else:
        piet.get(platform.link_in_mail("piet@hal.be"), follow_redirects=True)
        done = piet.post("/welcome", data={"answer": "no"}, follow_redirects=True)
    assert "De uitnodiging is geweigerd" in done.text
    assert members(owner) == {"o@hal.be": "owner"}
    assert owner.get("/api/v1/organisation/members").json()["invited"] == []


@pytest.mark.parametrize("how", ["withdrawn", "too old", "sent again"])
def test_an_invitation_that_does_not_stand_any_more(platform: Platform, how: str) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    made = invite(owner)
    link = platform.secret_in_mail("piet@hal.be")
    match how:
        case "withdrawn":
            assert owner.delete(f"/api/v1/organisation/invitations/{made['id']}").status_code == 204
        case "too old":
            platform.later(24 * 7 + 1)
        case _:
            invite(owner, role="member")
    for path, more in (("link", {}), ("welcome", {"password": PASSWORD}), ("decline", {})):
        assert platform.anyone.post(f"/api/v1/accounts/{path}", json={"link": link, **more}).status_code == 404
    owner = platform.somebody("o@hal.be")
    assert members(owner) == {"o@hal.be": "owner"}


def test_inviting_tells_nothing_about_the_address(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    platform.somebody("known@x.be", "secret-employer", password=PASSWORD)
    answers = []
    for email in ("known@x.be", "unknown@x.be"):
        made = invite(owner, email)
        answers.append({**made, "id": "", "email": ""})
    assert answers[0] == answers[1]
    shown = owner.get("/organisation").text
    assert "secret-employer" not in shown
    assert shown.count("Uitnodiging intrekken: ") == 2


def test_everybody_can_leave_but_the_only_owner(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    platform.somebody("p@hal.be", "maes", Role.MEMBER)
    refused = owner.delete("/api/v1/account/memberships/hal-2")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    page = owner.post("/account/leave", data={"organisation": "hal-2"}, headers={"Accept": "text/html"})
    assert page.status_code == 409
    assert "Maak eerst iemand anders eigenaar" in page.text
    assert planner.get("/api/v1/organisation").json()["id"] == "hal-2"
    assert planner.delete("/api/v1/account/memberships/hal-2").status_code == 204
    assert planner.get("/api/v1/organisation").json()["id"] == "maes", "goes on for the other"
    assert planner.delete("/api/v1/account/memberships/hal-2").status_code == 404
    left = planner.post("/account/leave", data={"organisation": "maes"}, follow_redirects=True)
    assert "U hebt de organisatie verlaten" in left.text
    platform.somebody("second@hal.be", "hal-2", Role.OWNER)
    assert owner.delete("/api/v1/account/memberships/hal-2").status_code == 204
    assert owner.get("/desk").status_code == 200
    assert owner.get("/api/v1/account").json()["speaks_for"] is None
