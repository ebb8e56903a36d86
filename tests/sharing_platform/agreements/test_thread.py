"""The thread of a booking: steps and messages in one line of time, and no more than one e-mail an hour about it."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import httpx2
import pytest
from sqlalchemy import select

from sharing_platform.agreements.thread import mail_at
from sharing_platform.bounds import Bounds
from sharing_platform.i18n import Translator
from sharing_platform.notifications.models import Mail
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("last", "expected"),
    [(None, 0), (-61, 0), (-60, 0), (-59, 1), (0, 60), (30, None)],
)
def test_when_somebody_is_told_of_a_message(last: int | None, expected: int | None) -> None:
    """In minutes from now; None: an e-mail that is still to come tells of it."""
    told = mail_at(NOON + last * MINUTE if last is not None else None, NOON)
    assert told == (NOON + expected * MINUTE if expected is not None else None)


@pytest.mark.parametrize(
    ("language", "written"),
    [("nl", "maandag 2 maart 2026"), ("fr", "lundi 2 mars 2026"), ("en", "Monday 2 March 2026")],
)
def test_dates_are_written_out(language: str, written: str) -> None:
    assert Translator(language, "Europe/Brussels").written_day(NOON) == written
    assert Translator("fr", "Europe/Brussels").written_day(NOON - timedelta(days=1)) == "dimanche 1er mars 2026"


def test_one_mail_an_hour_tells_of_all_messages(platform: Platform) -> None:
    platform.machine()
    platform.offer()
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    seeker = platform.somebody("an@startup.be", "startup")
    with platform.context.sessions.begin() as session:
        session.query(Account).filter_by(email="an@startup.be").one().language = "fr"
    booking = seeker.post("/api/v1/offers/o1/booking", json={}).json()["id"]

    def say(minutes: int, client: httpx2.Client = planner) -> None:
        platform.present[0] = NOON + minutes * MINUTE
        assert client.post(f"/api/v1/bookings/{booking}/messages", json={"text": "Nog iets"}).status_code == 201

    for minutes in (0, 20, 40, 59, 61, 125):
        say(minutes)
    say(126, seeker)
    with platform.context.sessions() as session:
        mails = session.scalars(select(Mail).where(Mail.subject.contains("essage") | Mail.subject.contains("bericht")))
        told = sorted((one.to, one.subject, (one.created - NOON) // MINUTE) for one in mails)
    french = "Nouveau message : Freesbank DMU 50"
    assert told == [
        *(("an@startup.be", french, minutes) for minutes in (0, 60, 120, 180)),
        ("p@hal.be", "Nieuw bericht over Freesbank DMU 50", 126),
    ]
    assert "startup heeft u een bericht gestuurd" in platform.mail("p@hal.be", "bericht over").get_content()


def test_steps_and_messages_stand_in_one_line_of_time(platform: Platform) -> None:
    platform.machine()
    platform.offer(start_h=60, anonymous=True, booking="on_request")
    planner = platform.somebody("piet@hal.be", "hal-2", Role.PLANNER)
    seeker = platform.somebody("an@startup.be", "startup")
    (offer,) = seeker.get("/api/v1/offers").json()["offers"]
    asked = seeker.post(f"/api/v1/offers/{offer['id']}/booking", json={"message": "Spanplaat?"})
    booking = asked.json()["id"]
    platform.present[0] += 30 * MINUTE
    planner.post(f"/api/v1/bookings/{booking}/messages", json={"text": "Ja"})
    before = seeker.get(f"/bookings/{booking}").text
    assert not [name for name in ("hal-2", "piet", "Freesbank") if name in before]
    assert "de aanbieder" in before
    platform.present[0] += 24 * 60 * MINUTE
    planner.post(f"/api/v1/bookings/{booking}/state", json={"state": "accepted"})

    def seen(client: httpx2.Client) -> list[tuple[str, str, str | None]]:
        entries = client.get(f"/api/v1/bookings/{booking}/thread").json()["entries"]
        return [(one["party"], one["state"] or one["text"], one["person"]) for one in entries]

    asked_for = [("seeker", "requested", "an"), ("platform", "held", None), ("seeker", "Spanplaat?", "an")]
    assert seen(seeker) == [*asked_for, ("provider", "Ja", None), ("provider", "accepted", None)]
    assert [person for _, _, person in seen(planner)] == [None, None, None, "piet", "piet"]
    page = unescape(planner.get(f"/bookings/{booking}").text)
    places = [page.index(said) for said in ("maandag 2 maart 2026", "Spanplaat?", "dinsdag 3 maart 2026", "Aanvaard door piet (hal-2)")]  # fmt: skip
    assert places == sorted(places)


def test_a_thread_has_an_end(platform: Platform) -> None:
    object.__setattr__(platform.context, "bounds", Bounds(messages_of_booking=2))
    platform.offer()
    booking = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    path = f"/api/v1/bookings/{booking}/messages"
    answers = [platform.startup.post(path, json={"text": "x"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 409]
    assert answers[-1].json()["code"] == "thread_full"
