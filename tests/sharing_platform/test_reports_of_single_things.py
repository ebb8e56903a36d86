"""Reports of one message, file, quote, review or picture: that alone is taken down, and shown again."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import unescape
from uuid import UUID

import httpx2
import pytest
from PIL import Image

from sharing_platform.i18n import texts
from tests.sharing_platform.test_moderation import World, world

__all__ = ["world"]


@dataclass
class Sent:
    """What a factory sent about a booking, and the seeker to whom it did, by the paths by which they are reported."""

    seeker: httpx2.Client
    booking: str
    paths: dict[str, str]


@pytest.fixture
def sent(world: World) -> Sent:
    """A request in two parts, as the seeker sees it after the hours."""
    platform = world.platform
    seeker = platform.somebody("an@startup.be", "start-up")
    platform.offer("o2", 9, 4, price_per_hour="60", booking="on_request")
    body = {"more": [{"offer_id": "o2", "start": "2026-03-02T20:00:00Z", "end": "2026-03-03T00:00:00Z"}]}
    platform.offer("o1", 3, 4, price_per_hour="60", booking="on_request")
    asked = seeker.post("/api/v1/offers/o1/booking", json=body)
    assert asked.status_code == 201, asked.text
    booking = str(asked.json()["id"])
    page = f"/bookings/{booking}"
    world.owner.post(
        f"{page}/messages", data={"text": "Een dreigement."}, files={"files": ("plan.pdf", PDF, "application/pdf")}
    )
    lines = [{"text": "Smeergeld", "unit_price": "90"}]
    quoted = world.owner.post(f"/api/v1{page}/quotes", json={"lines": lines, "message": "Nota bij de offerte."})
    accepted = f"/api/v1{page}/proposals/{quoted.json()['id']}/state"
    assert seeker.post(accepted, json={"state": "accepted"}).status_code == 200
    platform.later(30)
    said = {"verdict": "no_show", "text": "Onbetrouwbaar."}
    assert world.owner.put(f"/api/v1{page}/review", json=said).status_code == 200
    messages = seeker.get(f"/api/v1{page}/messages").json()["messages"]
    assert all(UUID(one["id"]) for one in messages), "running numbers would tell how many messages others write"
    paths = {
        "message": f"{page}/messages/{messages[1]['id']}", "attachment": f"{page}/attachments/{messages[0]['attachments'][0]['id']}",
        "quote": f"{page}/proposals/{quoted.json()['id']}", "review": f"{page}/review",
    }  # fmt: skip
    return Sent(seeker, booking, paths)


PDF = b"%PDF-1.4\n%%EOF"
SAYS = {"message": "Nota bij de offerte.", "attachment": "plan.pdf", "quote": "Smeergeld", "review": "Onbetrouwbaar."}


@pytest.mark.parametrize("kind", SAYS)
def test_a_single_thing_of_a_booking_is_taken_down_and_shown_again(world: World, sent: Sent, kind: str) -> None:
    """Only that one, and only for the other party; its author is told and appeals."""
    platform, page, path = world.platform, f"/bookings/{sent.booking}", sent.paths[kind]
    seen = [one for one in SAYS.values() if one in unescape(sent.seeker.get(page).text)]
    assert seen == list(SAYS.values())
    form = unescape(sent.seeker.get(f"/report?page={path}").text)
    assert f'value="{path}" required checked' in form
    assert all(f'value="{one}"' in form for one in sent.paths.values()), "all that can be reported there"
    for stranger in (platform.anyone, platform.somebody("x@hal.be", "hal-3")):
        assert world.report(kind, stranger, page=path).status_code == 404
    assert world.report(kind, world.owner, page=path).status_code in (404, 409)
    assert world.report(kind, sent.seeker, page=path).status_code == 202
    shown = unescape(world.region.get(f"/region/reports/{world.waiting()[0]['id']}").text)
    assert [one for one in SAYS.values() if one in shown] == [SAYS[kind]], "no more than what was reported"
    decision = world.decide(ground="offensive")
    left = [one for one in SAYS.values() if one in unescape(sent.seeker.get(page).text)]
    assert left == [one for one in SAYS.values() if one != SAYS[kind]]
    assert SAYS[kind] not in sent.seeker.get(f"/api/v1{page}/thread").text
    assert SAYS[kind] not in sent.seeker.get(f"/api/v1{page}/review").text
    assert SAYS[kind] in unescape(world.owner.get(page).text)
    told = platform.mail("eva@hal.be", "Offline gehaald")
    assert f"{texts('nl')[f'content_{kind}']}: Freesbank DMU 50" in str(told["Subject"])
    assert world.report(kind, sent.seeker, page=path).status_code == 404, "it is not there any more"
    log = unescape(world.region.get("/region/log").text)
    assert f"{texts('nl')[f'content_{kind}']}: Freesbank DMU 50" in log
    world.owner.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "Een grap."})
    answer = {"outcome": "reversed", "text": "Gezien."}
    world.region.post(f"/api/v1/region/decisions/{decision['id']}/answer", json=answer)
    assert SAYS[kind] in unescape(sent.seeker.get(page).text)


def test_a_file_that_was_reported_is_looked_at_by_the_region_alone(world: World, sent: Sent) -> None:
    path = sent.paths["attachment"]
    looked_at = f"/region/reported/attachment/{path.rpartition('/')[2]}"
    assert world.region.get(looked_at).status_code == 404, "not before it is reported"
    world.report("attachment", sent.seeker, page=path)
    assert world.region.get(looked_at).content == PDF
    assert sent.seeker.get(looked_at).status_code == 403
    world.decide()
    assert sent.seeker.get(path).status_code == 404
    assert world.owner.get(path).content == PDF


def test_a_file_is_kept_while_the_region_has_to_look_at_it(world: World, sent: Sent) -> None:
    """Until its report is decided and, where there is an appeal, that is answered; then it is deleted as any other."""
    platform, path = world.platform, sent.paths["attachment"]

    def there() -> bool:
        seen = platform.somebody("eva@hal.be").get(f"/api/v1/bookings/{sent.booking}/messages").json()
        return bool(seen["messages"][0]["attachments"][0]["available"])

    def region() -> httpx2.Client:
        return platform.somebody("rina@limburg.be")  # sessions end sooner than this

    world.report("attachment", sent.seeker, page=path)
    platform.later(24 * 120)
    assert there()
    report = region().get("/api/v1/region/reports").json()["reports"][0]["id"]
    assert region().get(f"/region/reported/attachment/{path.rpartition('/')[2]}").content == PDF
    decision = {"outcome": "taken_down", "ground": "offensive", "text": "Een dreigement."}
    made = region().post(f"/api/v1/region/reports/{report}/decision", json=decision).json()["id"]
    platform.somebody("eva@hal.be").post(f"/api/v1/decisions/{made}/appeal", json={"text": "Een grap."})
    platform.later(24)
    assert there()
    answer = {"outcome": "upheld", "text": "Gezien."}
    region().post(f"/api/v1/region/decisions/{made}/answer", json=answer)
    platform.later(2)
    assert not there()


def test_a_review_that_is_taken_down_counts_no_more(world: World, sent: Sent) -> None:
    def record() -> int:
        world.platform.offer("o9", 60, 4)
        return int(world.platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()["not_free"])

    page = f"/bookings/{sent.booking}"
    sent.seeker.put(f"/api/v1{page}/review", json={"verdict": "not_free", "text": "Er stond iemand anders."})
    assert record() == 1
    assert world.report("review", world.owner, page=f"{page}/review").status_code == 202
    world.decide()
    assert record() == 0
    own = sent.seeker.get(f"/api/v1{page}/review").json()["own"]
    assert (own["verdict"], own["taken_down"]) == ("not_free", True)
    assert world.owner.get(f"/api/v1{page}/review").json()["other"] is None


def test_a_message_of_a_request_in_parts_is_hidden_in_each(world: World) -> None:
    """Whatever of the two is decided first, a message is shown again only once nothing speaks against it."""
    platform = world.platform
    seeker = platform.somebody("an@startup.be", "start-up")
    platform.offer("o1", 3, 4, booking="on_request")
    platform.offer("o2", 9, 4, booking="on_request")
    body = {
        "more": [{"offer_id": "o2", "start": "2026-03-02T20:00:00Z", "end": "2026-03-03T00:00:00Z"}],
        "message": "Gescheld.",
    }
    asked = seeker.post("/api/v1/offers/o1/booking", json=body).json()
    threads = [f"/api/v1/bookings/{part['id']}/messages" for part in asked["parts"]]
    message = world.owner.get(threads[0]).json()["messages"][0]["id"]
    page = f"/bookings/{asked['parts'][0]['id']}"

    def read() -> list[str]:
        return [world.owner.get(one).json()["messages"][0]["text"] for one in threads]

    decisions = []
    for path in (f"{page}/messages/{message}", page):
        # The second is reported while the first is not decided: once it is hidden, nobody can.
        assert world.report("thread", world.owner, page=path).status_code == 202
    for _ in range(2):
        decisions.append(world.decide(ground="offensive")["id"])
        assert read() == ["", ""]
    for decision, then in zip(decisions, (["", ""], ["Gescheld.", "Gescheld."]), strict=True):
        seeker.post(f"/api/v1/decisions/{decision}/appeal", json={"text": "Een grap."})
        answer = {"outcome": "reversed", "text": "Gezien."}
        world.region.post(f"/api/v1/region/decisions/{decision}/answer", json=answer)
        assert read() == then


def test_a_picture_is_taken_down_by_itself(world: World) -> None:
    platform = world.platform
    content = io.BytesIO()
    Image.new("RGB", (300, 200)).save(content, "PNG")
    for alt in ("De tafel", "Iemand herkenbaar"):
        files = [("files", ("a.png", content.getvalue(), "image/png"))]
        world.owner.post("/machines/hal-2/mill-1/pictures", data={"alt": alt}, files=files)
    first, second = (one["path"] for one in platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()["pictures"])
    assert world.report("picture", page=first, category="personal_data").status_code == 202
    form = platform.anyone.get("/report?page=/machines/hal-2/mill-1").text
    assert all(f'value="{one}/large"' in form for one in (first, second))
    looked_at = f"/region/reported/picture/{first.rpartition('/')[2]}"
    assert looked_at in world.region.get(f"/region/reports/{world.waiting()[0]['id']}").text
    decision = world.decide(ground="personal_data")
    assert world.region.get(looked_at).headers["content-type"] == "image/webp"
    shown = platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()["pictures"]
    assert [one["path"] for one in shown] == [second]
    assert platform.anyone.get(f"{first}/small").status_code == 404
    assert first not in platform.anyone.get("/").text
    assert second in platform.anyone.get("/").text, "lists show the next one"
    assert world.owner.get(f"{first}/small").status_code == 200
    assert "verborgen na een melding" in world.owner.get("/machines/hal-2/mill-1/pictures").text
    world.owner.post(f"/api/v1/decisions/{decision['id']}/appeal", json={"text": "Met toestemming."})
    answer = {"outcome": "reversed", "text": "Gezien."}
    world.region.post(f"/api/v1/region/decisions/{decision['id']}/answer", json=answer)
    assert platform.anyone.get(f"{first}/small").status_code == 200


def test_the_log_of_who_reported_an_anonymous_machine_tells_no_more_than_they_know(world: World) -> None:
    platform = world.platform
    platform.machine("zonderling-9", "Zonderling", anonymous=True)
    platform.offer("o9", 3, 4, machine="zonderling-9", anonymous=True)
    seeker = platform.somebody("an@startup.be", "start-up")
    alias = next(one["machine"] for one in seeker.get("/api/v1/offers").json()["offers"] if one["factory"] is None)
    assert world.report("machine", seeker, page=f"/machines/{alias}").status_code == 202
    log = unescape(seeker.get("/organisation").text)
    assert f"/machines/{alias}" in log
    assert "zonderling" not in log.casefold()
    assert "zonderling" not in seeker.get("/api/v1/organisation/audit").text
    assert "Zonderling" in world.region.get("/region/log").text
