"""What leaves the platform: e-mail over SMTP, webhooks with retries and a log, calendars at secret addresses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.controller import Controller
from fastapi import FastAPI, Request, Response
from icalendar import Calendar

from analytics.publishing.webhooks import InvalidSignatureError, post_signed, verify
from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.errors import InvalidError
from sharing_platform.notifications import delivery, webhooks
from sharing_platform.notifications.delivery import Channels, DeliveryWorker
from sharing_platform.notifications.mail import FolderMailer, NotSentError, SmtpMailer, as_message
from sharing_platform.notifications.models import Mail
from sharing_platform.notifications.webhooks import RETRY_AFTER, check_url
from sharing_platform.organisations.permissions import Right
from tests.servers import free_port, serving, wait_for
from tests.sharing_platform.conftest import NOON, Platform


@dataclass
class Receiver:
    """Takes webhooks; answers what it is told to."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    taken: list[tuple[str, dict[str, Any], bytes, dict[str, str]]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [kind for kind, *_ in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    app, built = FastAPI(), Receiver()

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        body = await request.body()
        data = await request.json()
        built.taken.append((data["type"], data["data"], body, dict(request.headers)))
        return Response(status_code=built.statuses.pop(0) if len(built.statuses) > 1 else built.statuses[0])

    with serving(app) as url:
        built.url = f"{url}/hook"
        yield built


def courier(platform: Platform) -> DeliveryWorker:
    return DeliveryWorker(platform.context.sessions, platform.context.now, Channels(None, "v@x.be", post_signed, True))


def test_each_step_is_told_signed_to_both_parties(platform: Platform, receiver: Receiver) -> None:
    hooks = {
        name: client.post("/api/v1/webhooks", json={"url": receiver.url}).json()
        for name, client in (("hal-2", platform.hal_2), ("start-up", platform.startup))
    }
    platform.offer(booking="on_request")
    made = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    platform.hal_2.post(f"/api/v1/bookings/{made}/state", json={"state": "accepted"})
    platform.startup.post(f"/api/v1/bookings/{made}/messages", json={"text": "Tot dan"})
    # The signature's time is the platform's, which stands still in this test.
    wait_for(lambda: len(receiver.taken) >= 5, "five messages")
    assert sorted(receiver.kinds()) == sorted(["booking.held", "booking.accepted"] * 2 + ["booking.message"])
    secrets = [one["secret"] for one in hooks.values()]
    for _, data, body, headers in receiver.taken:
        assert data["booking"] == made
        assert b"Tot dan" not in body
        fits = []
        for secret in secrets:
            try:
                fits.append(verify(headers, body, secret, NOON))
            except InvalidSignatureError:
                fits.append("")
        assert sum(bool(one) for one in fits) == 1
    log = platform.hal_2.get(f"/api/v1/webhooks/{hooks['hal-2']['id']}/deliveries").json()["deliveries"]
    assert {one["kind"] for one in log} == {"booking.held", "booking.accepted", "booking.message"}
    assert "secret" not in platform.hal_2.get("/api/v1/webhooks").text


def test_a_receiver_that_is_away_is_tried_again_and_then_given_up(platform: Platform, receiver: Receiver) -> None:
    hook = platform.hal_2.post("/api/v1/webhooks", json={"url": receiver.url}).json()
    receiver.statuses = [503]
    platform.offer()
    platform.startup.post("/api/v1/offers/o1/booking", json={})
    log = f"/api/v1/webhooks/{hook['id']}/deliveries"
    for attempt, pause in enumerate([timedelta(0), *RETRY_AFTER], 1):
        platform.present[0] += pause
        courier(platform).deliver_due()
        wait_for(lambda attempt=attempt: len(receiver.taken) >= attempt, f"attempt {attempt}")  # type: ignore[misc]
        wait_for(lambda: "503" in platform.hal_2.get(log).json()["deliveries"][0]["error"], "the log")
    (given_up,) = platform.hal_2.get(log).json()["deliveries"]
    assert (given_up["attempts"], given_up["next_attempt"], given_up["arrived"]) == (len(RETRY_AFTER) + 1, None, None)
    assert len({headers["webhook-id"] for *_, headers in receiver.taken}) == 1, "the same message, under the same id"
    receiver.statuses = [204]
    assert platform.hal_2.post(f"{log}/{given_up['id']}/again").status_code == 202
    wait_for(lambda: platform.hal_2.get(log).json()["deliveries"][0]["arrived"] is not None, "it to arrive")


def test_a_saved_search_is_told_to_a_program(platform: Platform, receiver: Receiver) -> None:
    platform.machine("mill-1", process="milling")
    program = platform.token("start-up", Right.READ, Right.ASK, Right.INTEGRATE)
    program.post("/api/v1/webhooks", json={"url": receiver.url})
    body = {"title": "Frezen", "wish": {"process": "milling"}, "notify": "webhook"}
    search = program.post("/api/v1/searches", json=body).json()["id"]
    platform.offer()
    platform.tick()
    wait_for(lambda: receiver.kinds() == ["search.matched"], "the program to be told")
    assert receiver.taken[0][1] == {"search": search, "matches": ["offer:o1"]}


def test_a_removed_webhook_gets_nothing_more(platform: Platform, receiver: Receiver) -> None:
    hook = platform.hal_2.post("/api/v1/webhooks", json={"url": receiver.url}).json()
    receiver.statuses = [503]
    platform.offer()
    platform.startup.post("/api/v1/offers/o1/booking", json={})
    wait_for(lambda: len(receiver.taken) == 1, "one attempt")
    assert platform.hal_2.delete(f"/api/v1/webhooks/{hook['id']}").status_code == 204
    platform.present[0] += timedelta(days=1)
    courier(platform).deliver_due()
    assert len(receiver.taken) == 1


def test_the_operators_webhooks_are_what_the_file_says(receiver: Receiver, database_url: str) -> None:
    for target in ({"hal-2": (receiver.url, "a-secret-between-the-two")}, {}):
        settings = PlatformSettings(
            database_url,
            {"hal-2": "token-of-hal-2", "start-up": "token-of-start-up"},
            webhooks=target,
            post=post_signed,
        )
        with serving(create_app(settings, lambda: NOON)) as address:
            platform = Platform(address)
            name = f"o{len(target)}"
            platform.offer(name, 3 if target else 10)
            assert platform.startup.post(f"/api/v1/offers/{name}/booking", json={}).status_code == 201
            if target:
                wait_for(lambda: receiver.kinds() == ["booking.accepted"], "the factory's server to be told")
            hooks = platform.hal_2.get("/api/v1/webhooks").json()["webhooks"]
            assert [one["configured"] for one in hooks] == ([True] if target else [])
    assert receiver.kinds() == ["booking.accepted"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x", "https://127.0.0.1/x", "https://localhost/x", "https://10.0.0.8/x", "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data", "https://user:pass@example.com/x", "ftp://example.com", "https:///x",
        "https://no-such-host.invalid/x",
    ],
)  # fmt: skip
def test_a_webhook_cannot_reach_into_the_platforms_own_network(url: str) -> None:
    with pytest.raises(InvalidError):
        check_url(url, False, {443})


@pytest.mark.parametrize(
    ("port", "allowed", "fits"),
    [
        ("", {443}, True), (":443", {443}, True), (":22", {443}, False), (":8443", {443}, False), (":8443", {443, 8443}, True),
        (":99999", {443}, False), (":x", {443}, False),
    ],
)  # fmt: skip
def test_a_webhook_knocks_at_the_ports_that_the_operator_allows(
    port: str, allowed: set[int], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "reachable_outside", lambda host: True)
    url = f"https://erp.example{port}/hook"
    if fits:
        check_url(url, False, allowed)
    else:
        with pytest.raises(InvalidError, match="webhook_"):
            check_url(url, False, allowed)


def test_what_was_added_before_ports_were_bounded_is_not_posted(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = platform.hal_2.post("/api/v1/webhooks", json={"url": "https://erp.example:8443/hook"}).json()
    clock = [NOON + timedelta(days=1)]  # the platform's own worker, whose clock stands at noon, must not take it
    with platform.context.sessions.begin() as session:
        webhooks.queue_event(session, ("hal-2",), "booking.held", {"booking": "b"}, clock[0])
    monkeypatch.setattr(delivery, "reachable_outside", lambda host: True)
    posted: list[str] = []

    def post(url: str, *_: object) -> None:
        posted.append(url)

    def log() -> dict[str, Any]:
        (entry,) = platform.hal_2.get(f"/api/v1/webhooks/{hook['id']}/deliveries").json()["deliveries"]
        return dict(entry)

    def deliver(ports: set[int]) -> None:
        channels = Channels(None, "v@x.be", post, False, ports)
        DeliveryWorker(platform.context.sessions, lambda: clock[0], channels).deliver_due()

    deliver({443})
    assert (posted, "port" in log()["error"], log()["arrived"]) == ([], True, None)
    clock[0] += timedelta(hours=1)
    deliver({443, 8443})
    assert (posted, log()["error"]) == (["https://erp.example:8443/hook"], "")


def mail(**changes: Any) -> Mail:
    given = {
        "id": "m1",
        "to": "an@startup.be",
        "subject": "Aanvaard: één",
        "text": "Dag An\n\n€ 45",
        "created": NOON,
        "attempts": 0,
    }
    return Mail(**given | changes)


class _Inbox:
    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.arrived = threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope)
        self.arrived.set()
        return "250 OK"


def test_mail_goes_out_by_smtp() -> None:
    inbox = _Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        SmtpMailer("127.0.0.1", server.port).send(as_message(mail(), "platform@limburg.be"))
        assert inbox.arrived.wait(10)
        (envelope,) = inbox.taken
        assert envelope.rcpt_tos == ["an@startup.be"]
        assert b"Auto-Submitted: auto-generated" in envelope.content
        with pytest.raises(NotSentError, match="no TLS"):
            SmtpMailer("127.0.0.1", server.port, "me", "s3cret").send(as_message(mail(), "platform@limburg.be"))
    finally:
        server.stop()
    with pytest.raises(NotSentError):
        SmtpMailer("127.0.0.1", free_port()).send(as_message(mail(), "platform@limburg.be"))


def test_mail_goes_into_a_folder_that_is_ones_own(tmp_path: Path) -> None:
    FolderMailer(tmp_path / "mail").send(as_message(mail(), "platform@limburg.be"))
    (file,) = (tmp_path / "mail").iterdir()
    assert file.suffix == ".eml"
    assert oct(file.stat().st_mode)[-3:] == "600"
    (tmp_path / "file").write_text("")
    with pytest.raises(NotSentError):
        FolderMailer(tmp_path / "file").send(as_message(mail(), "platform@limburg.be"))


def test_who_watches_the_folder_of_mails_sees_none_that_is_not_whole(tmp_path: Path) -> None:
    seen: list[Path] = []

    class Watched(EmailMessage):
        def as_bytes(self, *options: Any, **more: Any) -> bytes:
            seen.extend(tmp_path.glob("*.eml"))
            return super().as_bytes(*options, **more)

    written = Watched()
    written["Message-ID"] = "<one@limburg.be>"
    FolderMailer(tmp_path).send(written)
    assert not seen
    assert [file.name for file in tmp_path.iterdir()] == ["one.eml"]


@dataclass
class Broken:
    """A mail server that is away for a while."""

    away: int
    sent: int = 0

    def send(self, _: EmailMessage) -> None:
        if self.away:
            self.away -= 1
            raise NotSentError("smtp.example:587: ConnectionRefusedError")
        self.sent += 1


def test_mail_waits_for_a_server_that_is_away(platform: Platform) -> None:
    broken = Broken(away=2)
    clock = [NOON + timedelta(days=1)]  # the platform's own worker, whose clock stands at noon, must not take the mail
    with platform.context.sessions.begin() as session:
        session.add(mail(next_attempt=clock[0]))
    postman = DeliveryWorker(platform.context.sessions, lambda: clock[0], Channels(broken, "v@x.be", post_signed, True))
    for _ in range(4):
        postman.deliver_due()
        clock[0] += timedelta(seconds=10)
    assert broken.sent == 1
    with platform.context.sessions() as session:
        kept = session.get_one(Mail, "m1")
        assert (kept.attempts, kept.next_attempt, kept.text) == (3, None, ""), "its text is not kept longer than needed"


def calendar_at(url: str) -> list[tuple[str, str, str]]:
    answer = httpx2.get(url)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events: list[Any] = list(Calendar.from_ical(answer.text).walk("VEVENT"))
    return [(str(one["SUMMARY"]), str(one["STATUS"]), one["DTSTART"].dt.isoformat()) for one in events]


def test_calendars_show_bookings_to_whom_they_belong(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank; DMU, 50")
    platform.offer("o1", 3, 4)
    platform.offer("o2", 10, 4, machine="mill-2", booking="on_request")
    for name in ("o1", "o2"):
        platform.startup.post(f"/api/v1/offers/{name}/booking", json={})
    feeds = {
        subject: client.post("/api/v1/feeds", json={"subject": subject}).json()
        for client, subject in (
            (platform.hal_2, "provider"),
            (platform.hal_2, "machine:mill-2"),
            (platform.startup, "seeker"),
        )
    }
    begin = (NOON + timedelta(hours=3)).isoformat()
    assert calendar_at(feeds["provider"]["url"])[0] == ("Freesbank; DMU, 50: start-up", "CONFIRMED", begin)
    assert [status for _, status, _ in calendar_at(feeds["machine:mill-2"]["url"])] == ["TENTATIVE"]
    assert [summary for summary, *_ in calendar_at(feeds["seeker"]["url"])] == [
        "Freesbank; DMU, 50: hal-2", "mill-2: hal-2",
    ]  # fmt: skip
    renewed = platform.hal_2.post(f"/api/v1/feeds/{feeds['provider']['id']}/renewal").json()
    assert httpx2.get(feeds["provider"]["url"]).status_code == 404, "the old address answers no more"
    assert len(calendar_at(renewed["url"])) == 2
    platform.hal_2.delete(f"/api/v1/feeds/{feeds['provider']['id']}")
    assert httpx2.get(renewed["url"]).status_code == 404
    assert "url" not in platform.hal_2.get("/api/v1/feeds").text
