"""Every page of the platform, with something on it: which there are, the routes say."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image

from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.self_assessment.questionnaire import asked, transformation_of
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.federation.sample import NEIGHBOUR, REQUEST, add_neighbour
from tests.sharing_platform.learning.samples import INTEREST, QUESTION, STORY, meeting, page_of, post
from tests.sharing_platform.organisations.test_passkeys import add as add_passkey
from tests.sharing_platform.organisations.test_passkeys import authenticator

NO_PAGES = {
    "/parts/": "is a part of a page, or what a script reads",
    "/.well-known/security.txt": "is read by who looks for a vulnerability's address",
    "/live": "is a stream of events",
    "/calendar/{secret}.ics": "is read by calendar programs",
    "/offers/{offer_id}/choice": "is a part of a page",
    "/pictures/{picture_id}/{size}": "is a picture",
    "/listings/{listing_id}/pictures/{picture_id}/{size}": "is a picture",
    "/learning/{post_id}/pictures/{picture_id}/{size}": "is a picture",
    "/learning/{post_id}/files/{file_id}": "is a file",
    "/styleguide/pictures/{number}/{size}": "is a picture",
    "/region/reported/{kind}/{subject}": "is a file",
    "/bookings/{booking_id}/attachments/{attachment_id}": "is a file",
    "/certificates/{number}/document": "is a file",
    "/region/exports/{name}.{kind}": "is a file",
    "/region/figures.csv": "is a file",
    "/self-assessment/answers.csv": "is a file",
    "/region/report-{year}.pdf": "is a file",
    "/region/embed/{figure}.svg": "is a picture",
    "/sign-in/with/{provider}": "leads elsewhere",
    "/account/identities/{provider}": "leads elsewhere",
}
"""What the routes that answer GET begin with or are, and why it is no page of its own."""


@pytest.fixture
def told(platform: Platform) -> dict[str, str]:
    """A platform with something of everything; ids by name."""
    details = {
        "make": "DMG MORI", "model": "DMU 50", "axes": 5, "materials": ["aluminium", "inox"], "certificates": ["ISO 9001"],
        "envelope_mm": [500, 450, 400], "tolerance_mm": 0.01, "table_load_kg": 300, "place": "Sint-Truiden", "address": "Dijk 4",
        "description": "Met nulpuntspansysteem.",
    }  # fmt: skip
    platform.machine("mill-1", "Freesbank DMU 50", process="milling", now="in_use", since=NOON.isoformat())
    platform.machine("lathe-2", "Draaibank <CTX>", process="turning", now="standing_still")
    platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=details)
    platform.offer("o1", 3, 8, minimum_hours=2, price_per_hour="60", price_minimum="120", booking="on_request")
    platform.offer("o2", 27, 2.5, machine="lathe-2", probability=0.999, checked=0, broken=0)
    platform.offer("o3", 51, 4, machine="lathe-2")
    period = {"start": "2026-03-01T00:00:00Z", "end": "2026-06-30T00:00:00Z"}
    listings: list[dict[str, Any]] = [
        {"kind": "operator", "title": "Lasser TIG", "details": {"skills": ["TIG"], "hours_per_week": 20, "place": "Bree"}},
        {"kind": "training", "title": "Draaien voor beginners", "places": 8, "details": {"languages": ["nl"], "sessions": [{"start": "2026-03-07T08:00:00Z", "end": "2026-03-07T11:00:00Z"}]}},
    ]  # fmt: skip
    ids = {one["kind"]: platform.hal_2.post("/api/v1/listings", json=period | one).json()["id"] for one in listings}
    ids |= _attended(platform)
    _picture_of_mill(platform)
    seeker = platform.somebody("an@startup.be", "startup", Role.OWNER)
    assert add_passkey(seeker, authenticator(platform), "Laptop op kantoor").status_code == 201
    ids["booking"] = seeker.post("/api/v1/offers/o1/booking", json={"message": "Hebt u een spanplaat?"}).json()["id"]
    wish = {"process": "turning", "hours": 2, "last_day": "2026-03-15", "near": "Genk", "within_km": 60}
    ids["wanted"] = seeker.post(
        "/api/v1/wanted", json={"title": "Assen draaien", "text": "40 stuks", "wish": wish}
    ).json()["id"]
    ids["search"] = seeker.post("/api/v1/searches", json={"title": "Draaien", "wish": {"process": "turning"}}).json()[
        "id"
    ]
    owner = platform.somebody("o@hal.be", "hal-2", Role.OWNER)
    owner.post("/api/v1/organisation/tokens", json={"name": "erp", "scopes": ["read"]})
    owner.post("/api/v1/feeds", json={"subject": "provider"})
    ids["webhook"] = owner.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}).json()["id"]
    owner.post(f"/api/v1/bookings/{ids['booking']}/messages", json={"text": "Ja, 400 × 300."})
    guest = {"organisation": "Start-up BV", "name": "An", "email": "an@startup.be"}
    asked = platform.anyone.post("/api/v1/offers/o3/booking", json={"guest": guest, "message": "40 stuks"})
    ids["request"] = asked.json()["id"]
    for email in ("an@startup.be", "piet@hal.be"):
        owner.post("/api/v1/organisation/members", json={"name": "Piet Maes", "email": email, "role": "planner"})
    platform.somebody("new@new.be", "newcomer", Role.OWNER, Kind.FACTORY, approved=False)
    equipment = period | {"kind": "equipment", "title": "Rolbank", "details": {"use": "sale"}, "price": "400"}
    ids["equipment"] = owner.post("/api/v1/listings", json=equipment).json()["id"]
    platform.machine("saw-9", "Zaag", anonymous=True)
    platform.offer("o9", 80, 4, machine="saw-9", anonymous=True)
    offers = platform.anyone.get("/api/v1/offers").json()["offers"]
    ids["alias"] = next(one["machine"] for one in offers if one["factory"] is None)
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    notice = seeker.post("/api/v1/wanted", json={"title": "Reclame", "wish": {"process": "turning"}}).json()["id"]
    for about in (notice, ids["wanted"]):
        reported = {"page": f"/wanted/{about}", "category": "spam", "text": "Reclame.", "email": "jef@x.be"}
        assert platform.anyone.post("/api/v1/reports", json=reported).status_code == 202
        ids["report"] = region.get("/api/v1/region/reports").json()["reports"][0]["id"]
        if about == notice:
            decision = {"outcome": "taken_down", "ground": "spam", "text": "Dit is reclame."}
            path = f"/api/v1/region/reports/{ids['report']}/decision"
            ids["decision"] = region.post(path, json=decision).json()["id"]
    _assessed(platform, owner)
    add_neighbour(platform, "startup")
    platform.somebody("weg@refused.be", "refused", Role.OWNER)
    refusal = {"approved": False, "reason": "Onbekend bedrijf."}
    assert region.put("/api/v1/region/organisations/refused/approval", json=refusal).status_code == 200
    ids |= _learned(owner, seeker)
    return ids | _mailed(platform, seeker)


def pages(ids: dict[str, str]) -> list[tuple[str, str]]:
    """Every page, by whom it is looked at."""
    anyone = [
        "/", "/?view=week", "/?process=milling&near=Genk&within_km=80&sort=fit", "/?q=titaan", "/?near=Nergens", "/offers/o2", "/offers/none",
        "/machines/hal-2/mill-1", "/factories/hal-2", "/compare?hours=2&near=Genk&with=hal-2%2Fmill-1&with=hal-2%2Flathe-2", "/listings", "/listings?q=niets", "/search?q=frezen", "/make?q=frezen+en+lakken", "/certificates", f"/listings/{ids['operator']}", f"/listings/{ids['training']}", "/wanted",
        f"/wanted/{ids['wanted']}", "/register", "/sign-in", "/forgotten", "/welcome", "/confirm", "/nowhere", "/styleguide", f"/machines/{ids['alias']}", f"/listings/{ids['equipment']}", f"/certificates/{ids['certificate']}", "/report/status", ids["unsubscribe"],
        "/?q=5-assig frezen 10 uur bij Genk", "/make?q=frezen&processes=milling&processes=turning&hours-milling=4&hours-turning=2", "/report?page=/machines/hal-2/mill-1",
    ]  # fmt: skip
    anyone += ["/learning", f"/learning/{ids['story']}"]
    anyone += [f"/neighbours/{NEIGHBOUR}/{kind}" for kind in ("offer/luik-1", "listing/luik-2", "notice/luik-3")] + [
        "/search?q=frezen&neighbours=yes",
        "/?process=milling&neighbours=yes",
    ]
    anyone += ["/about", "/contact", "/privacy", "/terms"]
    seeker = ["/desk", f"/requests/{ids['request']}", f"/bookings/{ids['booking']}", f"/wanted/{ids['wanted']}", f"/searches/{ids['search']}", "/wanted/new", "/account", "/organisation", "/offers/o3", "/account/new-address", f"/report?page=/bookings/{ids['booking']}", f"/listings/{ids['training']}", f"/learning/{ids['meeting']}", f"/learning/{ids['interest']}"]  # fmt: skip
    owner = [
        "/desk", "/machines/hal-2/mill-1/hours", "/machines/hal-2/mill-1/pictures", f"/bookings/{ids['booking']}", "/organisation", f"/organisation/webhooks/{ids['webhook']}", "/machines/hal-2/mill-1/edit",
        "/listings/new?kind=operator", "/listings/new?kind=equipment", "/listings/new?kind=training", f"/listings/{ids['operator']}/edit", f"/listings/{ids['equipment']}/pictures", f"/listings/{ids['attended']}/certificates", f"/learning/{ids['meeting']}", "/learning/new?kind=story", f"/learning/{ids['question']}", f"/learning/{ids['interest']}/edit", f"/learning/{ids['meeting']}/edit", f"/learning/{ids['story']}/files", f"/learning/{ids['story']}/pictures", f"/wanted/{ids['wanted']}",
    ]  # fmt: skip
    found = [("", path) for path in anyone] + [("an@startup.be", path) for path in seeker]
    return (
        found
        + [("o@hal.be", path) for path in owner]
        + [
            ("new@new.be", "/desk"),
            ("weg@refused.be", "/desk"),
            ("weg@refused.be", "/organisation/application"),
            ("o@hal.be", "/comparison"),
            ("o@hal.be", "/self-assessment"),
            ("o@hal.be", "/self-assessment/digital_factory"),
            ("an@startup.be", "/self-assessment"),
            ("an@startup.be", "/self-assessment/network"),
            ("r@limburg.be", "/region/administration"),
            ("", "/region"),
            ("", "/region/dictionary"),
            ("r@limburg.be", "/region/organisations/newcomer"),
            ("r@limburg.be", "/region/organisations"),
            ("r@limburg.be", "/region/log"),
            ("r@limburg.be", "/region/learning"),
            ("r@limburg.be", "/region/neighbours"),
            ("r@limburg.be", f"/region/neighbours/{NEIGHBOUR}"),
            ("an@startup.be", "/neighbours/requests"),
            ("an@startup.be", f"/neighbours/requests/{REQUEST}"),
            ("an@startup.be", f"/neighbours/{NEIGHBOUR}/offer/luik-1"),
            ("r@limburg.be", "/region/reports"),
            ("r@limburg.be", "/region/pages"),
            ("r@limburg.be", "/region/pages/terms"),
            ("r@limburg.be", "/region/pages/about/1"),
            ("r@limburg.be", f"/region/reports/{ids['report']}"),
            ("r@limburg.be", f"/region/decisions/{ids['decision']}"),
            ("", f"/report?page=/wanted/{ids['wanted']}"),
            ("", "/transparency"),
            ("an@startup.be", f"/decisions/{ids['decision']}"),
        ]
    )


def _learned(owner: httpx2.Client, seeker: httpx2.Client) -> dict[str, str]:
    """A success story with a picture and a file, a visit in which the seeker has a seat, a training that is wanted, and a question with an answer."""
    bodies = {"story": STORY, "meeting": meeting(seats=1), "interest": INTEREST, "question": QUESTION}
    pages = {kind: page_of(post(owner, body)) for kind, body in bodies.items()}
    content = io.BytesIO()
    Image.new("RGB", (600, 400), "#cfe5da").save(content, "PNG")
    for what, file in (("pictures", content.getvalue()), ("files", b"%PDF-1.4\n%%EOF")):
        answer = owner.post(f"{pages['story']}/{what}", files={"files": ("a", file)})
        assert answer.status_code == 303, answer.text
    assert seeker.put(f"/api/v1{pages['meeting']}/seat").is_success
    answer = seeker.post(f"/api/v1{pages['question']}/answers", json={"text": "Wij, sinds twee jaar."})
    assert answer.is_success, answer.text
    return {kind: path.rpartition("/")[2] for kind, path in pages.items()}


def _attended(platform: Platform) -> dict[str, str]:
    """A training of yesterday, and the certificate of somebody who attended."""
    platform.present[0] = NOON - timedelta(days=3)
    start, end = NOON - timedelta(hours=30), NOON - timedelta(hours=26)
    body = {
        "kind": "training", "title": "Lassen", "places": 5, "start": start.isoformat(), "end": end.isoformat(), "details": {"attendance_certificate": True}
    }  # fmt: skip
    planner, seeker = platform.somebody("els@hal.be", "hal-2", Role.PLANNER), platform.somebody("bo@maes.be", "maes")
    listing = planner.post("/api/v1/listings", json=body).json()["id"]
    booking = seeker.post(f"/api/v1/listings/{listing}/booking", json={"places": 2}).json()["id"]
    planner.post(f"/api/v1/bookings/{booking}/state", json={"state": "accepted"})
    platform.present[0] = NOON
    platform.tick()
    wanted = {"booking_id": booking, "names": ["Bo Maes"]}
    answer = planner.post(f"/api/v1/listings/{listing}/certificates", json=wanted)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return {"attended": listing, "certificate": made["bookings"][0]["certificates"][0]["number"]}


def _assessed(platform: Platform, owner: httpx2.Client) -> None:
    """A factory that has answered a year ago and now, has goals, and shows what it is good at."""
    answers = [{"question": one, "level": number % 5} for number, one in enumerate(sorted(asked()))]
    for days, some in ((400, answers[:-3]), (0, [{**one, "level": 3} for one in answers[::3]])):
        platform.present[0] = NOON - timedelta(days=days)
        assert owner.put("/api/v1/self-assessment/answers", json={"answers": some}).status_code == 204
    goal = {"level": 4, "day": "2027-03-01"}
    assert owner.put("/api/v1/self-assessment/goals/digital_factory", json=goal).status_code == 204
    know_how = {
        "kind": "know_how",
        "title": "Frezen van titaan",
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-12-31T00:00:00Z",
    }
    listing = owner.post("/api/v1/listings", json=know_how).json()["id"]
    shown = [one["question"] for one in answers[::3] if transformation_of(str(one["question"])) == "digital_factory"]
    body = {"questions": shown, "listing": listing, "name_shown": True}
    answer = owner.put("/api/v1/self-assessment/strengths/digital_factory", json=body)
    assert answer.status_code == 204, answer.text


def _picture_of_mill(platform: Platform) -> None:
    content = io.BytesIO()
    Image.new("RGB", (600, 400), "#cfe5da").save(content, "PNG")
    owner = platform.somebody("o@hal.be", "hal-2", Role.OWNER)
    files = {"files": ("a.png", content.getvalue(), "image/png")}
    assert owner.post("/machines/hal-2/mill-1/pictures", data={"alt": "De tafel"}, files=files).status_code == 303


def _mailed(platform: Platform, seeker: httpx2.Client) -> dict[str, str]:
    """The paths of links that are in e-mails."""
    new = {"name": "Jo", "email": "jo@new.be", "organisation": "Jo BV", "country": "NL", "terms": 1}
    assert platform.anyone.post("/api/v1/accounts", json=new).is_success
    guest = {"organisation": "Gast BV", "name": "Gerd", "email": "gerd@gast.be"}
    asked = platform.anyone.post("/api/v1/offers/o2/booking", json={"guest": guest})
    assert asked.is_success, asked.text
    assert seeker.post("/api/v1/account/address", json={"email": "an@elsewhere.be"}).is_success
    found = {
        "to_welcome": ("jo@new.be", "/welcome/"), "to_confirm": ("gerd@gast.be", "/confirm/"), "to_address": ("an@elsewhere.be", "/account/address/"),
        "to_report": ("jef@x.be", "/reports/"),
    }  # fmt: skip
    links = {name: urlsplit(platform.link_in_mail(*of)).path for name, of in found.items()}
    told = next(one for one in platform.mails if one["List-Unsubscribe"])
    return links | {"unsubscribe": urlsplit(str(told["List-Unsubscribe"]).strip("<>")).path}


CUT_OFF = """() => [...document.querySelectorAll('main *, header *, footer *')].filter(one => {
  if (!one.checkVisibility() || one.closest('.hidden, .clipped, svg, .ec, .compared, .sideways, select, pre')) return false;
  const box = one.getBoundingClientRect(), shown = getComputedStyle(one);
  const clips = shown.overflowX !== 'visible' && one.scrollWidth > one.clientWidth + 1 && !one.matches('input, textarea');
  return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1 || clips);
}).map(one => one.outerHTML.slice(0, 100))"""
"""What a page shows in part."""
PEOPLE = ("", "an@startup.be", "o@hal.be", "new@new.be", "weg@refused.be", "r@limburg.be")
"""Who looks at pages."""


def links(ids: dict[str, str]) -> list[tuple[str, str]]:
    """Mailed links, by who opens them: what they lead to is a page that the browser knows from then on."""
    return [
        ("", ids["to_welcome"]),
        ("", ids["to_confirm"]),
        ("", ids["to_report"]),
        ("an@startup.be", ids["to_address"]),
    ]
