"""Reports, what is taken down and shown again, reasons and appeals; and that what is taken down is nowhere to be seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import httpx2
import pytest

from sharing_platform.i18n import texts
from sharing_platform.moderation import service
from sharing_platform.moderation.kinds import KINDS, can_be_reported
from sharing_platform.moderation.models import Report
from sharing_platform.organisations.permissions import Kind, Role
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform, client

LISTING = {"kind": "equipment", "title": "Rolbank uit het buitenland", "description": "Zonder CE.", "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z", "details": {"use": "loan"}}  # fmt: skip
WHY = "Er is geen bewijs van keuring."


@dataclass
class World:
    """A machine, a listing and a notice of hal-2, by the paths of their pages."""

    platform: Platform
    owner: httpx2.Client
    region: httpx2.Client
    paths: dict[str, str]

    def report(self, kind: str, by: httpx2.Client | None = None, **more: object) -> httpx2.Response:
        body = {"page": self.paths.get(kind, ""), "category": "misleading", "text": "Klopt niet."}
        return (by or self.platform.anyone).post("/api/v1/reports", json=body | more)

    def waiting(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.region.get("/api/v1/region/reports").json()["reports"]
        return found

    def decide(self, outcome: str = "taken_down", ground: str = "misleading") -> dict[str, str]:
        """On the oldest report."""
        path = f"/api/v1/region/reports/{self.waiting()[0]['id']}/decision"
        answer = self.region.post(path, json={"outcome": outcome, "ground": ground, "text": WHY})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def take_down(self, kind: str) -> dict[str, str]:
        assert self.report(kind, email="jef@x.be").status_code == 202
        return self.decide()


@pytest.fixture
def world(platform: Platform) -> World:
    owner = platform.somebody("eva@hal.be", "hal-2", kind=Kind.FACTORY)
    region = platform.somebody("rina@limburg.be", "limburg", Role.PLANNER, Kind.REGION)
    platform.machine()
    platform.offer("o1", 3, 4, price_per_hour="60")
    listing = owner.post("/api/v1/listings", json=LISTING).json()["id"]
    wanted = owner.post("/api/v1/wanted", json={"title": "Assen draaien", "wish": {"process": "turning"}}).json()["id"]
    paths = {"machine": "/machines/hal-2/mill-1", "listing": f"/listings/{listing}", "wanted": f"/wanted/{wanted}"}
    return World(platform, owner, region, paths)


TITLES = {"machine": "Freesbank DMU 50", "listing": "Rolbank uit het buitenland", "wanted": "Assen draaien"}
SEEN_IN = {
    "machine": ["/", "/api/v1/offers", "/api/v1/machines/hal-2/mill-1", "/machines/hal-2/mill-1", "/offers/{public}", "/api/v1/offers/{public}", "/parts/machines", "/parts/offers", "/search?q=freesbank", "/factories/hal-2", "/compare?with=hal-2%2Fmill-1"],
    "listing": ["/listings", "/api/v1/listings", "{path}", "/api/v1{path}", "/search?q=rolbank"],
    "wanted": ["/wanted", "/api/v1/wanted", "{path}", "/api/v1{path}", "/search?q=draaien"],
}  # fmt: skip


@pytest.mark.parametrize("kind", TITLES)
def test_what_is_taken_down_is_nowhere_to_be_seen(world: World, kind: str) -> None:
    """By others: visitors, members and tokens. Its owner still sees it."""
    platform, title = world.platform, TITLES[kind]
    member = platform.somebody("an@startup.be", "start-up")
    public = platform.anyone.get("/api/v1/offers").json()["offers"][0]["id"]
    paths = [one.format(path=world.paths[kind], public=public) for one in SEEN_IN[kind]]

    def seen(by: httpx2.Client) -> list[str]:
        return [path for path in paths if title in unescape(by.get(path, headers={"Accept": "text/html"}).text)]

    everywhere = seen(member)
    assert len(everywhere) >= len(paths) - 1, "before, nearly all of them show it"
    world.take_down(kind)
    for by in (platform.anyone, member, platform.startup):
        assert seen(by) == []
    assert title in world.owner.get(world.paths[kind]).text
    if kind == "machine":
        assert platform.startup.post(f"/api/v1/offers/{public}/booking", json={}).status_code == 404
        assert (
            platform.anyone.get("/api/v1/offers", params={"suggest": True, "process": "milling"}).json()["offers"] == []
        )
        platform.offer("o2", 30, 4)
        assert seen(platform.anyone) == [], "nor what its factory puts later"
    (decision,) = world.owner.get("/api/v1/decisions").json()["decisions"]
    world.owner.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "De keuring ligt ter inzage."})
    answer = {"outcome": "reversed", "text": "Gezien."}
    world.region.post(f"/api/v1/region/decisions/{decision['id']}/answer", json=answer)
    assert seen(member) == everywhere, "shown again"


def test_a_party_reports_what_the_other_has_written(world: World) -> None:
    """Hidden from the party that reported it, with its files; the writer sees what is theirs, and what others wrote stays."""
    platform = world.platform
    seeker = platform.somebody("an@startup.be", "start-up")
    booking = seeker.post("/api/v1/offers/o1/booking", json={"message": "Kan het morgen?"}).json()["id"]
    page, thread = f"/bookings/{booking}", f"/api/v1/bookings/{booking}/messages"
    world.owner.post(thread, json={"text": "Een belediging."})
    world.owner.post(
        f"{page}/messages", data={"text": "Kijk."}, files={"files": ("plan.pdf", b"%PDF-1.4\n%%EOF", "application/pdf")}
    )
    assert (
        platform.anyone.post("/api/v1/reports", json={"page": page, "category": "offensive", "text": "x"}).status_code
        == 404
    )
    assert f"/report?page={page}" in seeker.get(page).text
    reported = seeker.post("/api/v1/reports", json={"page": page, "category": "offensive", "text": "Een belediging."})
    assert reported.status_code == 202, reported.text
    shown = unescape(world.region.get(f"/region/reports/{world.waiting()[0]['id']}").text)
    assert "Een belediging." in shown
    assert "Kan het morgen?" not in shown, "no more than what was reported"
    files = [one["id"] for message in seeker.get(thread).json()["messages"] for one in message["attachments"]]
    assert len(files) == 1
    decision = world.decide(ground="offensive")
    assert [one["text"] for one in seeker.get(thread).json()["messages"]] == ["Kan het morgen?", "", ""]
    assert "Een belediging." not in seeker.get(page).text
    assert "verborgen na een melding" in seeker.get(page).text
    for name in files:
        assert seeker.get(f"{page}/attachments/{name}").status_code == 404
        assert world.owner.get(f"{page}/attachments/{name}").status_code == 200
    assert "Een belediging." in world.owner.get(page).text
    assert world.owner.get(f"/decisions/{decision['id']}").status_code == 200
    world.owner.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "Een grap."})
    answer = {"outcome": "reversed", "text": "Gezien."}
    world.region.post(f"/api/v1/region/decisions/{decision['id']}/answer", json=answer)
    assert "Een belediging." in seeker.get(page).text


def test_matches_and_requests_lose_what_is_taken_down(world: World) -> None:
    seeker = world.platform.somebody("an@startup.be", "start-up")
    body = {"title": "Rolbank", "wish": {"subject": "equipment"}}
    search = seeker.post("/api/v1/searches", json=body).json()["id"]
    matches = f"/api/v1/searches/{search}/matches"
    assert len(seeker.get(matches).json()["matches"]) == 1
    world.take_down("listing")
    assert [one["what"] for one in seeker.get(matches).json()["matches"]] == [None]
    world.platform.tick()
    assert seeker.get(matches).json()["matches"] == []
    ask = {"start": "2026-03-03T00:00:00Z", "end": "2026-03-04T00:00:00Z"}
    assert seeker.post(f"/api/v1{world.paths['listing']}/booking", json=ask).status_code == 404


def test_both_sides_are_told_and_may_appeal_once(world: World) -> None:
    platform, owner, region = world.platform, world.owner, world.region
    decision = world.take_down("listing")
    told = platform.mail("eva@hal.be", "Offline gehaald").get_content()
    assert WHY in told
    assert "Onjuist of misleidend" in told
    assert "jef@x.be" not in told
    page = f"/decisions/{decision['id']}"
    assert page in told
    reporter = platform.mail("jef@x.be", "offline gehaald").get_content()
    assert WHY in reporter
    assert "Rolbank" not in reporter, "a genuine mail to an address that anybody typed carries nothing of strangers"
    assert owner.post(page, data={"text": "De keuring ligt ter inzage."}).headers["location"] == f"{page}?done=appealed"
    again = owner.post(f"/api/v1{page}/appeal", json={"text": "Nog eens."})
    assert again.json()["code"] == "appeal_made"
    platform.mail("rina@limburg.be", "Bezwaar")
    assert "Rolbank uit het buitenland" in region.get("/region/reports").text
    answer = f"/region/decisions/{decision['id']}"
    assert region.post(answer, data={"outcome": "upheld", "text": "Dat is een ander toestel."}).status_code == 303
    assert "Dat is een ander toestel." in platform.mail("eva@hal.be", "blijft offline").get_content()
    platform.mail("jef@x.be", "de beslissing blijft")
    assert (
        region.post(f"/api/v1{answer}/answer", json={"outcome": "reversed", "text": "x"}).json()["code"]
        == "appeal_none"
    )
    shown = unescape(owner.get(page).text)
    assert "Bezwaar afgewezen" in shown
    assert "Dat is een ander toestel." in shown
    assert "geschillenbeslechting" in shown
    assert "Rolbank uit het buitenland" in owner.get("/desk").text.partition("Offline gehaald")[2]


def test_who_reported_what_is_left_may_appeal_from_the_mailed_link(world: World) -> None:
    platform = world.platform
    world.report("wanted", email="jef@x.be", language="fr")
    link = platform.link_in_mail("jef@x.be", "/reports/")
    with client(platform.url, headers={"Origin": platform.url}, follow_redirects=True) as jef:
        assert "De regio heeft nog niet beslist." in jef.get(link, headers={"Accept-Language": "nl"}).text
        decision = world.decide("left", "none")
        assert "Motivation" in platform.mail("jef@x.be", "maintenu").get_content()
        assert platform.mails_to("eva@hal.be") == [], "its owner never hears of it"
        page = unescape(jef.get("/report/status?lang=nl").text)
        assert "Bezwaar indienen" in page
        assert WHY in page
        assert "Assen draaien" not in page.replace("/wanted/", ""), "no more than the page that was reported"
        sent = jef.post("/report/status", data={"text": "Toch wel."})
        assert "Uw bezwaar is ingediend." in unescape(sent.text)
        assert jef.post("/report/status", data={"text": "Nog eens."}).status_code == 409
    path = f"/api/v1/region/decisions/{decision['id']}/answer"
    body = {"outcome": "reversed", "text": "Bij nader inzien."}
    assert world.region.post(path, json=body).json()["errors"] == [{"field": "ground", "problem": "ground_fits_not"}]
    assert world.region.post(path, json=body | {"ground": "spam"}).json()["answer"] == "reversed"
    assert platform.anyone.get(world.paths["wanted"]).status_code == 404
    (own,) = world.owner.get("/api/v1/decisions").json()["decisions"]
    assert own["ground"] == "spam"
    assert own["appeal_until"] is not None, "by a decision that its owner may appeal against"


def test_a_link_that_the_platform_did_not_sign_leads_nowhere(world: World) -> None:
    world.report("listing", email="jef@x.be")
    link = world.platform.link_in_mail("jef@x.be", "/reports/")
    for wrong in (link[:-3] + "AAA", link.rpartition("/")[0] + "/x", link.rpartition("/")[0] + "/a.b.c"):
        with client(world.platform.url, follow_redirects=True) as jef:
            assert jef.get(wrong).status_code == 404, wrong


def test_an_appeal_has_half_a_year(world: World) -> None:
    decision = world.take_down("listing")
    world.platform.present[0] += service.APPEAL_WITHIN + timedelta(seconds=1)
    owner = world.platform.somebody("eva@hal.be", "hal-2")
    late = owner.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "Te laat."})
    assert late.json()["code"] == "appeal_late"
    assert "Bezwaar indienen" not in owner.get(f"/decisions/{decision['id']}").text


def test_whose_decision_it_is(world: World) -> None:
    decision = world.take_down("listing")
    other = world.platform.somebody("x@hal.be", "hal-3")
    assert other.get(f"/decisions/{decision['id']}").status_code == 404
    assert other.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "x"}).status_code == 404
    assert other.get("/api/v1/decisions").json() == {"decisions": []}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"page": "/nowhere"}, "missing"), ({"page": "/listings/00000000-0000-4000-8000-000000000000"}, "missing"), ({"page": "https://evil.example/"}, "request"),
        ({"category": "ugly"}, "request"), ({"text": " "}, "request"),
    ],
)  # fmt: skip
def test_reports_that_make_no_sense(world: World, change: dict[str, str], code: str) -> None:
    assert world.report("listing", None, **change).json()["code"] == code
    assert world.waiting() == []


def test_what_one_may_not_see_cannot_be_reported(world: World) -> None:
    world.platform.offer("o1", 3, 4, visibility="members")
    assert world.report("machine").status_code == 404
    assert world.report("machine", world.platform.somebody("an@startup.be", "start-up")).status_code == 202
    assert world.report("machine", world.owner).json()["code"] == "report_own"
    world.platform.machine("mill-9", "Geheim", anonymous=True)
    world.platform.offer("o9", 3, 4, machine="mill-9", anonymous=True)
    alias = next(
        one["machine"] for one in world.platform.anyone.get("/api/v1/offers").json()["offers"] if one["factory"] is None
    )
    assert world.report("machine", page="/machines/hal-2/mill-9").status_code == 404
    assert world.report("machine", page=f"/machines/{alias}").status_code == 202
    assert {one["title"] for one in world.waiting()} == {"Freesbank DMU 50", "Geheim"}


def test_reports_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [world.report("listing").status_code for _ in range(11)]
    assert answers == [202] * 10 + [429]
    monkeypatch.setattr(service, "_MOST_OPEN", 10)
    known = world.report("listing", world.platform.elsewhere())
    assert known.json()["code"] == "report_known"
    world.decide("left", "none")
    assert world.waiting() == [], "one decision answers all of them"


def test_administrators_are_told_of_reports_once_in_a_quarter_of_an_hour(world: World) -> None:
    def told() -> list[str]:
        return [str(one["Subject"]) for one in world.platform.mails_to("rina@limburg.be")]

    world.report("listing")
    world.platform.tick()
    wait_for(lambda: told() == ["Meldingen te beoordelen: 1"], "the first e-mail")
    world.report("wanted")
    world.report("machine")
    world.platform.later(0.2)
    world.platform.later(0.06)
    wait_for(lambda: told() == ["Meldingen te beoordelen: 1", "Meldingen te beoordelen: 2"], "the second e-mail")


def test_the_counts(world: World) -> None:
    def later(hours: float, act: Callable[[], object]) -> None:
        world.platform.present[0] += timedelta(hours=hours)
        act()

    world.report("listing")
    later(2, world.decide)
    world.report("wanted", category="spam")
    later(4, lambda: world.decide("left", "none"))
    world.report("machine")
    decision = world.owner.get("/api/v1/decisions").json()["decisions"][0]["id"]
    world.owner.post(f"/api/v1/decisions/{decision}/appeal", json={"text": "Nee."})
    assert world.platform.anyone.get("/api/v1/transparency").json() == {
        "year": 2026, "reports": [{"name": "misleading", "count": 2}, {"name": "spam", "count": 1}], "waiting": 1,
        "contents": [{"name": "listing", "count": 1}, {"name": "machine", "count": 1}, {"name": "wanted", "count": 1}],
        "taken_down": [{"name": "misleading", "count": 1}], "left": 1, "appeals": [{"name": "waiting", "count": 1}], "median_hours": 3.0,
    }  # fmt: skip
    page = unescape(world.platform.anyone.get("/transparency").text)
    assert "Onjuist of misleidend" in page
    assert "3 uur" in page
    assert world.platform.anyone.get("/transparency?year=2025").text.count("2025") > 1
    assert world.platform.anyone.get("/transparency?year=99999").status_code == 200


def test_every_page_of_content_can_be_reported_from(world: World) -> None:
    for path in world.paths.values():
        assert can_be_reported(path)
        page = world.platform.anyone.get(path).text
        (link,) = re.findall(r'href="(/report\?page=[^"]+)"', page)
        form = world.platform.anyone.get(link)
        assert f'name="page" value="{path}"' in form.text
    assert "/report?" not in world.platform.anyone.get("/").text
    sent = world.platform.anyone.post(
        "/report", data={"page": world.paths["listing"], "category": "spam", "text": "Reclame."}
    )
    assert "uw melding is aangekomen" in sent.text
    wrong = world.platform.anyone.post("/report", data={"page": world.paths["listing"], "text": "Reclame."})
    assert (wrong.status_code, "Reclame." in wrong.text) == (422, True)


def test_who_reported_is_forgotten(world: World) -> None:
    an = world.platform.somebody("an@startup.be", "start-up")
    world.report("listing", an)
    world.report("wanted", email="jef@x.be")
    assert an.get("/api/v1/account/data").json()["reports"][0]["text"] == "Klopt niet."
    assert an.request("DELETE", "/api/v1/account").status_code == 204
    assert {one["reporter"] for one in world.waiting()} == {"", "jef@x.be"}
    world.decide()
    world.decide()
    world.platform.later(366 * 24)
    with world.platform.context.sessions() as session:
        assert {(one.name, one.email, one.account_id) for one in session.query(Report)} == {("", "", None)}


def test_grounds_and_categories_have_their_words() -> None:
    assert {f"content_{kind}" for kind in KINDS} <= texts("nl").keys()
