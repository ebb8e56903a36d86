"""Requests of people who are not signed in: what they are answered, what is mailed, and who can make a request count."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text

from sharing_platform.bookings.models import Booking
from sharing_platform.notifications.models import Mail
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import NOON, Platform, client

GUEST = {"organisation": "Start-up BV", "name": "An Peeters", "email": "an@startup.be"}
PASSWORD = "een zin die lang genoeg is"


def browser(platform: Platform) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url}, timeout=30)


def with_password(platform: Platform, email: str, organisation: str | None = "known", **more: Any) -> httpx2.Client:
    """Somebody who has an account with a password, signed in."""
    return platform.somebody(email, organisation, password=PASSWORD, **more)


def ask(platform: Platform, offer: str = "o1", guest: dict[str, str] = GUEST, **more: Any) -> dict[str, Any]:
    answer = platform.anyone.post(f"/api/v1/offers/{offer}/booking", json={"guest": guest, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def states(platform: Platform) -> list[str]:
    with platform.context.sessions() as session:
        return list(session.scalars(select(Booking.state).order_by(Booking.start)))


def test_a_guest_asks_and_confirms_with_one_click(platform: Platform) -> None:
    """Without a password, which the account can get later."""
    platform.offer(booking="on_request")
    assert ask(platform)["state"] == "requested"
    assert [one["id"] for one in platform.anyone.get("/api/v1/offers").json()["offers"]] == ["o1"], "holds no hours"
    secret = platform.secret_in_mail("an@startup.be", "/confirm/")
    shown = platform.anyone.post("/api/v1/requests/link", json={"link": secret}).json()
    assert (shown["offer_id"], shown["organisation"], shown["state"]) == ("o1", "Start-up BV", "requested")
    assert states(platform) == ["requested"], "to look changes nothing"
    guest = platform.confirm_request("an@startup.be")
    assert guest.get("/api/v1/bookings", params={"side": "seeker"}).json()["bookings"][0]["state"] == "held"
    (held,) = platform.hal_2.get("/api/v1/bookings").json()["bookings"]
    assert (held["state"], held["organisation"]) == ("held", "Start-up BV")
    again = platform.anyone.post("/api/v1/requests/confirmation", json={"link": secret})
    assert (again.status_code, again.json()["code"]) == (404, "link"), "a link works once"
    assert guest.put("/api/v1/account/password", json={"new": PASSWORD}).status_code == 204
    assert guest.put("/api/v1/account/password", json={"new": PASSWORD}).status_code == 422, "now the old one is asked"
    signed_in = browser(platform).post("/api/v1/session", json={"email": "an@startup.be", "password": PASSWORD})
    assert signed_in.status_code == 204


def test_the_page_shows_the_request_and_asks_for_a_click(platform: Platform) -> None:
    """What opens all links of a mail (a scanner does) confirms nothing."""
    platform.machine()
    platform.offer(booking="on_request")
    ask(platform, message="40 stuks in aluminium")
    guest = client(platform.url, headers={"Origin": platform.url, "Accept": "text/html"}, follow_redirects=True)
    link = platform.link_in_mail("an@startup.be", "/confirm/")
    for _ in range(2):
        page = guest.get(link)
        assert page.status_code == 200
        assert all(said in page.text for said in ("Freesbank DMU 50", "Start-up BV", "40 stuks in aluminium"))
    assert states(platform) == ["requested"]
    done = guest.post("/confirm", data={"mine": "yes"})
    assert 'data-state="held"' in done.text
    assert 'href="/account"' in done.text, "a password can be chosen now"
    assert states(platform) == ["held"]
    assert guest.get(link).status_code == 404


def test_a_request_that_is_not_mine(platform: Platform) -> None:
    platform.offer()
    ask(platform)
    stranger = platform.confirm_request("an@startup.be", mine=False)
    assert stranger.get("/api/v1/account").status_code == 401, "no account is made of that"
    assert states(platform) == ["cancelled"]
    with platform.context.sessions() as session:
        assert session.scalars(select(Account)).all() == []
        assert "an@startup.be" not in str(session.execute(text("SELECT * FROM booking")).all())


def test_nothing_is_kept_of_who_did_not_confirm(platform: Platform) -> None:
    platform.offer("o1", 100, 4)
    platform.somebody("p@hal.be", "hal-2")
    ask(platform)
    platform.later(25)
    assert states(platform) == ["expired"]
    with platform.context.sessions() as session:
        assert session.scalars(select(Account.email)).all() == ["p@hal.be"]
        assert session.scalars(select(Organisation.id).where(Organisation.name == "Start-up BV")).all() == []
        assert "an@startup.be" not in str(session.execute(text("SELECT * FROM booking")).all())
    assert platform.mails_to("p@hal.be") == [], "the factory never heard of it"


def test_a_guest_who_confirms_too_late_is_told_what_else_is_free(platform: Platform) -> None:
    platform.offer("o1", 10, 4)
    platform.offer("o2", 20, 4)
    ask(platform)
    assert platform.startup.post("/api/v1/offers/o1/booking", json={}).status_code == 201
    platform.confirm_request("an@startup.be")
    assert "/offers/o2" in platform.mail("an@startup.be", "Verlopen").get_content()
    assert len(platform.hal_2.get("/api/v1/bookings").json()["bookings"]) == 1


def test_a_link_confirms_what_it_was_sent_for_and_nothing_else(platform: Platform) -> None:
    platform.offer("o1", 10, 4, booking="on_request")
    platform.offer("o2", 20, 4, booking="on_request")
    ask(platform, "o1")
    first = platform.secret_in_mail("an@startup.be", "/confirm/")
    ask(platform, "o2", message="the other")
    platform.mail("an@startup.be", "03/03/2026, 08:00")
    platform.confirm_request("an@startup.be")
    assert states(platform) == ["requested", "held"]
    assert (
        platform.anyone.post("/api/v1/accounts/welcome", json={"link": first, "password": PASSWORD}).status_code == 404
    )
    assert platform.anyone.post("/api/v1/requests/confirmation", json={"link": first}).status_code == 200
    assert states(platform) == ["held", "held"]


def test_a_forgotten_password_confirms_no_request(platform: Platform) -> None:
    """A stranger's request with somebody's address stays one until that person, signed in, looks at it."""
    platform.offer()
    known = with_password(platform, "an@startup.be")
    made = ask(platform)
    assert "/confirm/" not in platform.mail("an@startup.be", made["id"]).get_content()
    platform.anyone.post("/api/v1/accounts/forgotten", json={"email": "an@startup.be"})
    own = browser(platform)
    body = {"link": platform.secret_in_mail("an@startup.be"), "password": PASSWORD}
    assert platform.anyone.post("/api/v1/requests/confirmation", json={"link": body["link"]}).status_code == 404
    assert own.post("/api/v1/accounts/welcome", json=body).status_code == 204
    assert states(platform) == ["requested"]
    assert known.get("/api/v1/account").status_code == 401, "older sessions have ended"
    for stranger, code in ((platform.somebody("x@x.be", "other"), 404), (platform.anyone, 401)):
        answer = stranger.post(f"/api/v1/requests/{made['id']}/confirmation", json={"mine": True})
        assert answer.status_code == code
    (waiting,) = own.get("/api/v1/requests").json()["requests"]
    assert waiting["id"] == made["id"]
    assert f"/requests/{made['id']}" in own.get("/desk").text
    assert "Start-up BV" not in own.get(f"/requests/{made['id']}").text, "it would be in the name of one's own"
    confirmed = own.post(f"/api/v1/requests/{made['id']}/confirmation", json={"mine": True}).json()
    assert (confirmed["state"], confirmed["organisation"]) == ("accepted", "known")
    assert own.get("/api/v1/requests").json()["requests"] == []


def test_somebody_says_signed_in_that_it_is_not_theirs(platform: Platform) -> None:
    platform.offer()
    own = with_password(platform, "an@startup.be")
    made = ask(platform)
    gone = own.post(f"/requests/{made['id']}", data={"mine": "no"}, follow_redirects=True)
    assert "geschrapt" in gone.text
    assert states(platform) == ["cancelled"]


def test_who_is_in_no_organisation_founds_the_one_that_was_typed(platform: Platform) -> None:
    platform.offer(booking="on_request")
    own = with_password(platform, "an@startup.be", None)
    made = ask(platform)
    confirmed = own.post(f"/api/v1/requests/{made['id']}/confirmation", json={}).json()
    assert (confirmed["state"], confirmed["organisation"]) == ("held", "Start-up BV")
    assert own.get("/api/v1/account").json()["speaks_for"].startswith("start-up-bv-")


def test_older_links_are_dead_once_a_password_is_set(platform: Platform) -> None:
    platform.offer()
    ask(platform)
    request = platform.secret_in_mail("an@startup.be", "/confirm/")
    new = {"name": "An", "email": "an@startup.be", "organisation": "Start & Co", "country": "NL", "terms": 1}
    browser(platform).post("/api/v1/accounts", json=new)
    own = browser(platform)
    body = {"link": platform.secret_in_mail("an@startup.be"), "password": PASSWORD}
    assert own.post("/api/v1/accounts/welcome", json=body).status_code == 204
    assert platform.anyone.post("/api/v1/requests/confirmation", json={"link": request}).status_code == 404
    (waiting,) = own.get("/api/v1/requests").json()["requests"]
    assert own.post(f"/api/v1/requests/{waiting['id']}/confirmation", json={}).json()["organisation"] == "Start & Co"


@pytest.mark.parametrize("where", ["offer", "listing"])
@pytest.mark.parametrize("who", ["with a password", "without a password", "of the factory itself", "pending a lot"])
def test_a_guest_learns_nothing_about_an_address(platform: Platform, who: str, where: str) -> None:
    """The same answer, page and number of steps for an address with an account and for one without."""
    platform.machine()
    listing = {"kind": "equipment", "title": "Rolbank", "start": NOON.isoformat(), "end": "2026-12-31T00:00:00Z"}
    made = platform.hal_2.post("/api/v1/listings", json={**listing, "details": {"use": "loan"}})
    platform.offer()
    place = "offers/o1" if where == "offer" else f"listings/{made.json()['id']}"
    match who:
        case "with a password":
            with_password(platform, "an@startup.be", "secret-employer")
        case "without a password":
            platform.somebody("an@startup.be", "secret-employer")
        case "of the factory itself":
            with_password(platform, "an@startup.be", "hal-2", kind=Kind.FACTORY)
        case _:
            with_password(platform, "an@startup.be", "secret-employer")
            with platform.context.sessions.begin() as session:
                _pending(session, 200)
    said = []
    for email in ("an@startup.be", "nobody@startup.be"):
        answers = [
            platform.anyone.post(f"/api/v1/{place}/booking", json={"guest": GUEST | {"email": email}}),
            platform.anyone.post(f"/{place}", data=GUEST | {"email": email}, headers={"Accept": "text/html"}),
        ]
        same = {answers[0].json()["id"]: "id", email: "address"} if answers[0].status_code == 202 else {}
        said.append([(one.status_code, _without(one.text, same)) for one in answers])
    assert [status for status, _ in said[0]] == [202, 200]
    assert said[0] == said[1]
    assert "secret-employer" not in str(said)


def _without(page: str, changing: dict[str, str]) -> str:
    for what, name in changing.items():
        page = page.replace(what, name)
    return page.partition("data-booking=")[0] + page.partition("data-booking=")[2][39:]


def _pending(session: Any, count: int) -> None:
    for number in range(count):
        times = dict.fromkeys(("start", "end", "free_again", "cancel_until", "booked"), NOON)
        kept = {"provider": "hal-3", "title": "x", "organisation": "x", "email": "x@x.be", "state": "requested"}
        session.add(Booking(id=f"{number:036}", seeker="secret-employer", places=1, **times, **kept))


def test_a_repeated_request_tells_nothing_of_what_became_of_it(platform: Platform) -> None:
    platform.offer()
    own = with_password(platform, "an@startup.be", "secret-employer")
    key = {"Idempotency-Key": "k1"}
    first = platform.anyone.post("/api/v1/offers/o1/booking", json={"guest": GUEST}, headers=key).json()
    own.post(f"/api/v1/requests/{first['id']}/confirmation", json={})
    again = platform.anyone.post("/api/v1/offers/o1/booking", json={"guest": GUEST}, headers=key).json()
    assert again == first


@pytest.mark.parametrize("asker", ["guest", "signed in"])
def test_a_repeated_request_is_answered_as_the_first_time(platform: Platform, asker: str) -> None:
    """Whatever has become of its hours, its price, its state, and of the offer; and nothing happens twice."""
    platform.offer("o1", 3, 8, minimum_hours=1, booking="on_request", price_per_hour="60")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    seeker = with_password(platform, "an@startup.be", "secret-employer")
    body: dict[str, object] = {"start": "2026-03-02T14:00:00Z", "end": "2026-03-02T16:00:00Z"}
    client = platform.anyone if asker == "guest" else seeker
    if asker == "guest":
        body["guest"] = GUEST
    key = {"Idempotency-Key": "k1"}

    def ask_once() -> dict[str, Any]:
        answer = client.post("/api/v1/offers/o1/booking", json=body, headers=key)
        assert answer.status_code == (202 if asker == "guest" else 201), answer.text
        return dict(answer.json())

    first = ask_once()
    if asker == "guest":
        platform.mail("an@startup.be", "Hebt u")
        assert ask_once() == first
        assert len(platform.mails_to("an@startup.be")) == 1, "no second e-mail"
        seeker.post(f"/api/v1/requests/{first['id']}/confirmation", json={})
    proposal = {"start": "2026-03-02T18:00:00Z", "end": "2026-03-02T21:00:00Z", "price": "99"}
    path = f"/api/v1/bookings/{first['id']}/proposals"
    made = planner.post(path, json=proposal)
    assert made.status_code == 201, made.text
    assert ask_once() == first
    assert seeker.post(f"{path}/{made.json()['id']}/state", json={"state": "accepted"}).status_code == 200
    assert seeker.get(f"/api/v1/bookings/{first['id']}").json()["price"] == "99.00"
    assert ask_once() == first
    platform.hal_2.delete("/api/v1/offers/o1")
    assert ask_once() == first, "also where nobody could ask for it any more"
    assert first["contacts"] == []
    assert first["price"] == "120.00"
    with platform.context.sessions() as session:
        kept = session.scalars(select(Booking.first_answer)).one()
    assert "an@startup.be" not in str(kept), "what is somebody's is not kept twice"


def test_no_word_of_a_stranger_is_mailed_to_an_address_that_nobody_confirmed(platform: Platform) -> None:
    """A genuine mail must not carry a web address (or anything else) that somebody typed into a form."""
    evil = "Win http://evil.example now"
    platform.offer()
    ask(platform, guest={"organisation": evil, "name": evil, "email": "victim@x.be"}, message=evil)
    new = {"name": evil, "email": "victim@x.be", "organisation": evil, "country": "NL", "terms": 1}
    assert platform.anyone.post("/api/v1/accounts", json=new).status_code == 202
    owner = platform.somebody("o@evil.be", "evil", approved=False)
    assert owner.put("/api/v1/organisation", json={"name": evil}).status_code == 200
    asked = owner.post("/api/v1/organisation/members", json={"name": evil, "email": "victim@x.be", "role": "member"})
    assert asked.status_code == 201
    platform.anyone.post("/api/v1/accounts/forgotten", json={"email": "victim@x.be"})
    platform.mail("victim@x.be", "uitgenodigd")
    platform.mail("victim@x.be", "/confirm/")
    platform.mail("victim@x.be", "Bevestig uw e-mailadres")
    assert len(platform.mails_to("victim@x.be")) >= 3
    for mail in platform.mails_to("victim@x.be"):
        assert "evil" not in f"{mail['Subject']} {mail['To']} {mail.get_content()}"


def test_erasing_an_account_is_not_blocked_by_a_strangers_request(platform: Platform) -> None:
    platform.offer()
    own = with_password(platform, "an@startup.be", None)
    ask(platform)
    assert own.delete("/api/v1/account").status_code == 204
    with platform.context.sessions() as session:
        for table in (Booking.__tablename__, Mail.__tablename__, "mailed_link"):
            assert "an@startup.be" not in str(session.execute(text(f"SELECT * FROM {table}")).all()), table
