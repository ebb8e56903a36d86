"""Every route is tried by everybody. What a route needs is read off it, or stands in the tables here; one that is in neither is a failure."""

from __future__ import annotations

import os
import re

import httpx2
import pytest

from sharing_platform.app import ROUTERS
from sharing_platform.federation.api import signed_by_neighbour
from sharing_platform.openapi import dependants_of, routes_of
from sharing_platform.organisations.dependencies import RequireRight, required_person
from sharing_platform.organisations.permissions import (
    APPROVED,
    ASKED,
    ROLE_RIGHTS,
    TOKEN_SCOPES,
    Kind,
    Right,
    Role,
    rights_of,
    scopes_of,
)
from tests.sharing_platform.conftest import Platform

EVERY_CALLER = bool(os.environ.get("VRIJLOOP_EVERY_CALLER"))
"""In `make campaign`."""
ONE_OF_EACH_KIND = ("anyone", "somebody in no organisation", "a factory's owner", "the member of a seeker that is not approved", "a token that may read")  # fmt: skip
Callers = dict[str, tuple[httpx2.Client, frozenset[Right], bool]]

PUBLIC_API = {
    "GET /api/v1/offers", "GET /api/v1/offers/{offer_id}", "GET /api/v1/machines/{factory}/{machine}", "GET /api/v1/machines/{alias}", "GET /api/v1/machines/{factory}/{machine}/capability", "GET /api/v1/machines/{factory}/{machine}/shell", "GET /api/v1/factories/{factory}/capability", "GET /api/v1/listings",
    "GET /api/v1/listings/{listing_id}", "GET /api/v1/wanted", "GET /api/v1/search", "GET /api/v1/certificates/{number}", "POST /api/v1/process-plans", "GET /api/v1/wanted/{search_id}", "POST /api/v1/accounts",
    "POST /api/v1/accounts/welcome", "POST /api/v1/accounts/link", "POST /api/v1/accounts/decline", "POST /api/v1/requests/link", "POST /api/v1/requests/confirmation", "POST /api/v1/accounts/forgotten", "POST /api/v1/session", "DELETE /api/v1/session",
    "POST /api/v1/session/passkey/options", "POST /api/v1/session/passkey", "POST /api/v1/reports", "GET /api/v1/pages/{name}", "POST /api/v1/accounts/address", "GET /api/v1/transparency", "GET /api/v1/region/figures",
    "GET /api/v1/learning", "GET /api/v1/learning/{post_id}", "GET /api/v1/learning/{post_id}/answers", "GET /api/v1/learning/{post_id}/files/{file_id}",
}  # fmt: skip
ASK_API = {"POST /api/v1/offers/{offer_id}/booking", "POST /api/v1/listings/{listing_id}/booking"}
"""For guests too, who have to say who they are."""

PUBLIC_PAGES = {
    "GET /", "GET /region", "GET /region/dictionary", "GET /region/figures.csv", "GET /region/embed/{figure}.svg", "GET /compare", "GET /pictures/{picture_id}/{size}", "GET /listings/{listing_id}/pictures/{picture_id}/{size}", "GET /factories/{factory}", "GET /parts/calendar", "GET /parts/machines", "GET /parts/offers", "GET /offers/{offer_id}", "GET /offers/{offer_id}/choice", "POST /offers/{offer_id}", "GET /live",
    "GET /machines/{factory}/{machine}", "GET /machines/{alias}", "GET /listings", "GET /listings/{listing_id}", "POST /listings/{listing_id}",
    "GET /wanted", "GET /neighbours/{neighbour_id}/{kind}/{item_id}", "GET /search", "GET /certificates", "GET /certificates/{number}", "GET /certificates/{number}/document", "GET /make", "GET /wanted/{search_id}", "GET /register", "POST /register", "GET /sign-in", "POST /sign-in", "POST /sign-in/passkey", "GET /sign-in/with/{provider}", "GET /sign-in/with/{provider}/back", "POST /sign-out",
    "GET /styleguide", "GET /styleguide/pictures/{number}/{size}", "GET /report", "GET /.well-known/security.txt", "GET /about", "GET /contact", "GET /privacy", "GET /terms", "GET /unsubscribe/{token}", "POST /unsubscribe/{token}", "GET /account/address/{secret}", "GET /account/new-address", "POST /account/new-address", "POST /report", "GET /reports/{token}", "GET /report/status", "POST /report/status", "GET /transparency", "GET /forgotten", "POST /forgotten", "GET /welcome/{secret}", "GET /welcome", "POST /welcome", "GET /confirm/{secret}", "GET /confirm", "POST /confirm", "GET /calendar/{secret}.ics",
    "GET /learning", "GET /learning/{post_id}", "GET /learning/{post_id}/pictures/{picture_id}/{size}", "GET /learning/{post_id}/files/{file_id}",
}  # fmt: skip
PAGES_FOR_PEOPLE = {
    "GET /account", "POST /terms/accepted", "POST /account/settings", "POST /account/address", "POST /account/browsers", "POST /account/password", "POST /account/organisation", "POST /account/erase", "POST /account/leave", "POST /account/passkeys", "POST /account/passkeys/{passkey_id}", "POST /account/passkeys/{passkey_id}/remove", "GET /account/identities/{provider}", "POST /account/identities/{identity_id}/remove", "POST /invitations/{invitation_id}", "GET /desk", "GET /requests/{booking_id}", "POST /requests/{booking_id}",
}  # fmt: skip
PAGES = {
    "GET /machines/{factory}/{machine}/edit": Right.OFFER, "POST /machines/{factory}/{machine}/edit": Right.OFFER,
    "GET /machines/{factory}/{machine}/pictures": Right.OFFER, "POST /machines/{factory}/{machine}/pictures": Right.OFFER, "POST /machines/{factory}/{machine}/pictures/{picture_id}": Right.OFFER,
    "GET /parts/calendar/own": Right.READ, "GET /machines/{factory}/{machine}/hours": Right.OFFER, "POST /machines/{factory}/{machine}/hours/keep": Right.OFFER, "POST /machines/{factory}/{machine}/hours/offer": Right.OFFER, "POST /machines/{factory}/{machine}/hours/release": Right.OFFER, "POST /machines/{factory}/{machine}/hours/withdraw": Right.OFFER, "GET /listings/new": Right.LIST, "POST /listings/new": Right.LIST, "GET /listings/{listing_id}/edit": Right.LIST,
    "GET /listings/{listing_id}/pictures": Right.LIST, "POST /listings/{listing_id}/pictures": Right.LIST, "POST /listings/{listing_id}/pictures/{picture_id}": Right.LIST,
    "POST /listings/{listing_id}/edit": Right.LIST, "POST /listings/{listing_id}/close": Right.LIST,
    "POST /listings/{listing_id}/waiting": Right.ASK, "POST /listings/{listing_id}/waiting/leave": Right.ASK, "POST /listings/{listing_id}/waiting/confirm": Right.ASK,
    "POST /listings/{listing_id}/giving": Right.LIST, "GET /wanted/new": Right.ASK, "POST /wanted/new": Right.ASK,
    "GET /listings/{listing_id}/certificates": Right.LIST, "POST /listings/{listing_id}/certificates": Right.LIST, "POST /listings/{listing_id}/certificates/{number}/withdraw": Right.LIST,
    "GET /learning/new": Right.ASK, "POST /learning/new": Right.ASK, "POST /learning/{post_id}/interest": Right.ASK, "POST /learning/{post_id}/course": Right.LIST, "POST /learning/{post_id}/answers": Right.ASK, "POST /learning/{post_id}/answers/{answer_id}": Right.ASK, "GET /region/learning": Right.REGION, "POST /region/learning": Right.REGION, "GET /learning/{post_id}/edit": Right.ASK, "POST /learning/{post_id}/edit": Right.ASK, "POST /learning/{post_id}/close": Right.ASK, "POST /learning/{post_id}/seat": Right.ASK,
    "GET /learning/{post_id}/pictures": Right.LIST, "POST /learning/{post_id}/pictures": Right.LIST, "POST /learning/{post_id}/pictures/{picture_id}": Right.LIST, "GET /learning/{post_id}/files": Right.LIST, "POST /learning/{post_id}/files": Right.LIST, "POST /learning/{post_id}/files/{file_id}": Right.LIST,
    "POST /make": Right.ASK, "POST /wanted/{search_id}/answers": Right.ASK, "POST /wanted/{search_id}/answers/{answer_id}": Right.ASK,
    "POST /wanted/{search_id}/close": Right.ASK, "GET /searches/{search_id}": Right.READ, "POST /searches": Right.ASK,
    "POST /searches/{search_id}/close": Right.ASK, "GET /bookings/{booking_id}": Right.READ,
    "POST /bookings/{booking_id}/state": Right.READ, "POST /bookings/{booking_id}/proposals": Right.READ, "POST /bookings/{booking_id}/quotes": Right.ANSWER, "POST /bookings/{booking_id}/proposals/{proposal_id}/state": Right.READ, "GET /bookings/{booking_id}/attachments/{attachment_id}": Right.READ, "POST /bookings/{booking_id}/messages": Right.READ, "POST /bookings/{booking_id}/review": Right.READ,
    "GET /organisation/application": Right.READ, "POST /organisation/application": Right.READ,
    "GET /organisation": Right.READ, "POST /organisation": Right.GOVERN, "POST /organisation/members": Right.GOVERN,
    "POST /organisation/members/{account_id}": Right.GOVERN, "POST /organisation/invitations/{invitation_id}/withdraw": Right.GOVERN, "POST /organisation/tokens": Right.GOVERN,
    "POST /organisation/tokens/{token_id}/revoke": Right.GOVERN, "POST /organisation/feeds": Right.INTEGRATE,
    "POST /organisation/feeds/{feed_id}": Right.INTEGRATE, "POST /organisation/webhooks": Right.INTEGRATE,
    "POST /organisation/webhooks/{webhook_id}/remove": Right.INTEGRATE, "GET /organisation/webhooks/{webhook_id}": Right.INTEGRATE,
    "GET /region/administration": Right.REGION, "GET /region/report-{year}.pdf": Right.REGION, "GET /region/organisations": Right.REGION, "GET /region/organisations/{organisation_id}": Right.REGION,
    "POST /region/organisations/{organisation_id}": Right.REGION, "GET /region/log": Right.REGION, "GET /region/exports/{name}.{kind}": Right.REGION,
    "GET /region/neighbours": Right.REGION, "POST /region/neighbours": Right.REGION, "GET /region/neighbours/{neighbour_id}": Right.REGION, "POST /region/neighbours/{neighbour_id}": Right.REGION,
    "POST /neighbours/{neighbour_id}/{kind}/{item_id}": Right.ASK, "GET /neighbours/requests": Right.READ, "GET /neighbours/requests/{request_id}": Right.READ, "GET /parts/neighbours/requests/{request_id}": Right.READ, "POST /neighbours/requests/{request_id}/cancel": Right.ASK,
    "GET /region/pages": Right.REGION, "GET /region/pages/{name}": Right.REGION, "POST /region/pages/{name}": Right.REGION, "GET /region/pages/{name}/{number}": Right.REGION,
    "GET /region/reports": Right.REGION, "GET /region/reports/{report_id}": Right.REGION, "POST /region/reports/{report_id}": Right.REGION, "GET /region/reported/{kind}/{subject}": Right.REGION,
    "GET /region/decisions/{decision_id}": Right.REGION, "POST /region/decisions/{decision_id}": Right.REGION,
    "GET /self-assessment": Right.READ, "GET /self-assessment/answers.csv": Right.READ, "GET /self-assessment/network": Right.READ, "GET /self-assessment/{transformation}": Right.READ,
    "POST /self-assessment/{transformation}": Right.ASK, "POST /self-assessment/{transformation}/goal": Right.LIST, "POST /self-assessment/{transformation}/strength": Right.LIST,
    "GET /comparison": Right.OFFER, "POST /comparison/participation": Right.OFFER,
    "GET /decisions/{decision_id}": Right.READ, "POST /decisions/{decision_id}": Right.ASK,
}  # fmt: skip


def routes() -> dict[str, Right | str]:
    """Each route, and what it needs: a right, `person`, `asker`, `anyone`, or the signature of a neighbouring region."""
    found: dict[str, Right | str] = {}
    for route in routes_of(ROUTERS):
        for method in route.methods or ():
            name = f"{method} {route.path}"
            calls = [one.call for one in dependants_of(route.dependant)]
            rights = [call.right for call in calls if isinstance(call, RequireRight)]
            if signed_by_neighbour in calls:
                found[name] = "neighbour"
            elif rights:
                found[name] = rights[0]
            elif required_person in calls or name in PAGES_FOR_PEOPLE:
                found[name] = "person"
            elif name in ASK_API:
                found[name] = "asker"
            elif name in PUBLIC_API or name in PUBLIC_PAGES:
                found[name] = "anyone"
            else:
                assert name in PAGES, f"{name}: who may do that?"
                found[name] = PAGES[name]
    assert len(found) > 100, "so many there are"
    return found


def ask(client: httpx2.Client, name: str) -> httpx2.Response:
    method, path = name.split(" ")
    for field, value in {
        "factory": "hal-2",
        "machine": "mill-1",
        "organisation_id": "hal-3",
        "name": "organisations",
        "kind": "csv",
        "year": "2026",
        "offer_id": "none",
        "alias": "machine-00000000",
    }.items():
        path = path.replace("{" + field + "}", value)
    path = path.replace("{delivery_id}", "msg_" + "0" * 32)
    path = re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path)
    accept = {"Accept": "text/html"} if not path.startswith("/api/") else {}
    if method == "GET":
        return client.get(path, headers=accept)
    if path.startswith("/api/"):
        return client.request(method, path, json={})
    return client.request(method, path, data={"x": "y"}, headers=accept)


def callers(platform: Platform) -> Callers:
    """(client, rights, whether it is a person) by a name for the failure's sentence."""
    made: Callers = {
        "anyone": (platform.anyone, frozenset(), False),
        "somebody in no organisation": (platform.somebody("alone@x.be"), frozenset(), True),
    }
    for role in Role:
        own = rights_of(role, Kind.FACTORY, APPROVED)
        made[f"a factory's {role}"] = (platform.somebody(f"{role}@hal.be", "hal-2", role), own, True)
        own = rights_of(role, Kind.SEEKER, ASKED)
        made[f"the {role} of a seeker that is not approved"] = (
            platform.somebody(f"{role}@new.be", "newcomer", role, approved=False), own, True,
        )  # fmt: skip
        own = rights_of(role, Kind.REGION, APPROVED)
        made[f"the region's {role}"] = (
            platform.somebody(f"{role}@limburg.be", "limburg", role, Kind.REGION),
            own,
            True,
        )
    for scope in sorted(TOKEN_SCOPES):
        own = scopes_of([scope], APPROVED)
        made[f"a token that may {scope}"] = (platform.token("hal-2", scope), own, False)
    return made


@pytest.mark.long
def test_every_route_by_everybody(platform: Platform) -> None:
    platform.machine()
    wrong = []
    for name, needed in sorted(routes().items()):
        if name in (
            "GET /live",
            "DELETE /api/v1/account",
            "POST /account/erase",
            "POST /sign-out",
            "DELETE /api/v1/session",
        ):
            continue  # a stream without end, and what would end the caller's session: tests of their own
        for who, (client, rights, person) in callers_of(needed, callers_once(platform)).items():
            answer = ask(client, name)
            if needed in ("anyone", "neighbour"):
                allowed = needed == "anyone"
            elif needed == "person":
                allowed = person
            elif needed == "asker":
                allowed = Right.ASK in rights
            else:
                allowed = needed in rights
            refused = answer.status_code in (401, 403) or answer.headers.get("location", "").startswith("/sign-in?")
            # Another's machine is not shown to exist, whoever asks.
            hidden = "/{machine}/" in name and answer.status_code == 404
            if answer.status_code >= 500 or (allowed == refused and not hidden):
                wrong.append(f"{name} by {who}: {answer.status_code}, needs {needed}")
    assert not wrong, "\n".join(wrong)


def callers_of(needed: Right | str, everybody: Callers) -> Callers:
    """One of each kind and, where a right is needed, who has hardly more than it and who has all but it; unless all are to try."""
    if EVERY_CALLER:
        return everybody
    chosen = set(ONE_OF_EACH_KIND)
    right = Right.ASK if needed == "asker" else needed
    if isinstance(right, Right):
        having = [who for who, (_, rights, _) in everybody.items() if right in rights]
        lacking = [who for who in everybody if who not in having]
        chosen.add(min(having, key=lambda who: len(everybody[who][1])))
        chosen.add(max(lacking, key=lambda who: len(everybody[who][1])))
    return {who: everybody[who] for who in everybody if who in chosen}


_made: dict[int, Callers] = {}


def callers_once(platform: Platform) -> Callers:
    if id(platform) not in _made:
        _made.clear()
        _made[id(platform)] = callers(platform)
    return _made[id(platform)]


def test_a_wrong_token_is_refused_not_ignored(platform: Platform) -> None:
    client = httpx2.Client(base_url=platform.url, headers={"Authorization": "Bearer nonsense"})
    for path in ("/api/v1/offers", "/api/v1/bookings", "/api/v1/organisation"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_rights_only_grow_with_the_role() -> None:
    assert ROLE_RIGHTS[Role.MEMBER] < ROLE_RIGHTS[Role.PLANNER] < ROLE_RIGHTS[Role.OWNER]
    assert not {Right.GOVERN, Right.REGION} & TOKEN_SCOPES
    for kind in Kind:
        for role in Role:
            assert (Right.REGION in rights_of(role, kind, APPROVED)) == (
                kind is Kind.REGION and role is not Role.MEMBER
            )
            assert Right.OFFER not in rights_of(role, kind, ASKED)


def test_what_is_anothers_is_not_there(platform: Platform) -> None:
    """Each thing of one factory, by the owner of another: 404, as if it did not exist."""
    owner, other = platform.somebody("o@hal.be", "hal-2"), platform.somebody("x@hal.be", "hal-3")
    platform.machine()
    platform.offer()
    listing = {
        "kind": "equipment", "title": "Rolbank", "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z",
        "details": {"use": "loan"},
    }  # fmt: skip
    made = {
        "listing": owner.post("/api/v1/listings", json=listing).json()["id"],
        "wanted": owner.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {"process": "turning"}}).json()[
            "id"
        ],
        "search": owner.post("/api/v1/searches", json={"title": "Draaiwerk", "wish": {"process": "turning"}}).json()[
            "id"
        ],
        "webhook": owner.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}).json()["id"],
        "feed": owner.post("/api/v1/feeds", json={"subject": "provider"}).json()["id"],
        "token": owner.post("/api/v1/organisation/tokens", json={"name": "erp", "scopes": ["read"]}).json()["id"],
        "member": owner.get("/api/v1/organisation/members").json()["members"][0]["id"],
        "invitation": owner.post("/api/v1/organisation/members", json={"name": "Piet", "email": "piet@hal.be"}).json()[
            "id"
        ],
        "booking": platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"],
    }
    tries = [
        ("PUT", f"/api/v1/listings/{made['listing']}", listing), ("DELETE", f"/api/v1/listings/{made['listing']}", None),
        ("PUT", f"/api/v1/listings/{made['listing']}/giving?agreed=true", None),
        ("GET", f"/api/v1/wanted/{made['wanted']}/matches", None), ("DELETE", f"/api/v1/wanted/{made['wanted']}", None),
        ("GET", f"/api/v1/searches/{made['search']}/matches", None), ("DELETE", f"/api/v1/searches/{made['search']}", None),
        ("DELETE", f"/api/v1/webhooks/{made['webhook']}", None), ("GET", f"/api/v1/webhooks/{made['webhook']}/deliveries", None),
        ("POST", f"/api/v1/feeds/{made['feed']}/renewal", None), ("DELETE", f"/api/v1/feeds/{made['feed']}", None),
        ("DELETE", f"/api/v1/organisation/tokens/{made['token']}", None),
        ("PUT", f"/api/v1/organisation/members/{made['member']}", {"role": "member"}),
        ("DELETE", f"/api/v1/organisation/members/{made['member']}", None),
        ("DELETE", f"/api/v1/organisation/invitations/{made['invitation']}", None),
        ("PUT", f"/api/v1/account/invitations/{made['invitation']}", {"accepted": True}),
        ("POST", f"/organisation/invitations/{made['invitation']}/withdraw", None),
        ("POST", f"/invitations/{made['invitation']}", None), ("DELETE", "/api/v1/account/memberships/hal-2", None),
        ("GET", f"/api/v1/bookings/{made['booking']}", None), ("GET", f"/api/v1/bookings/{made['booking']}/thread", None), ("GET", f"/api/v1/bookings/{made['booking']}/messages", None),
        ("GET", f"/api/v1/bookings/{made['booking']}/alternatives", None),
        ("POST", f"/api/v1/bookings/{made['booking']}/messages", {"text": "x"}),
        ("POST", f"/api/v1/bookings/{made['booking']}/state", {"state": "cancelled"}),
        ("GET", "/api/v1/machines/hal-2/mill-1/details", None), ("PUT", "/api/v1/machines/hal-2/mill-1/details", {}),
        ("PUT", "/api/v1/session/organisation", {"organisation": "hal-2"}),
        ("GET", f"/searches/{made['search']}", None), ("GET", f"/bookings/{made['booking']}", None),
        ("GET", f"/listings/{made['listing']}/edit", None), ("GET", f"/organisation/webhooks/{made['webhook']}", None),
        ("GET", "/machines/hal-2/mill-1/edit", None), ("POST", f"/wanted/{made['wanted']}/close", None),
        ("POST", f"/organisation/feeds/{made['feed']}", None), ("POST", f"/listings/{made['listing']}/close", None),
    ]  # fmt: skip
    for method, path, body in tries:
        answer = other.request(method, path, json=body) if body is not None else other.request(method, path)
        assert answer.status_code == 404, (method, path, answer.text[:200])


@pytest.mark.parametrize(
    "site",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {},
    ],
)
def test_another_site_does_nothing_in_a_visitors_name(platform: Platform, site: dict[str, str]) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    client = httpx2.Client(base_url=platform.url, cookies=dict(owner.cookies), headers=site)
    for path in ("/api/v1/organisation/tokens", "/organisation/tokens", "/sign-out"):
        assert client.post(path, json={"name": "x", "scopes": ["read"]}).status_code == 403, path
    assert owner.get("/api/v1/organisation/tokens").json()["tokens"] == []
    assert owner.get("/api/v1/account").status_code == 200
