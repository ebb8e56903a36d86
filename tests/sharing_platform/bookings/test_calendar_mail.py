"""What is agreed reaches both calendars, both people, and is remembered a day before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select

from sharing_platform.bookings.reminders import is_wanted
from sharing_platform.notifications.models import Mail
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform

HOUR = timedelta(hours=1)


def people(platform: Platform) -> tuple[Any, Any]:
    platform.machine()
    platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json={"address": "Dijk 4, Sint-Truiden"})
    seeker = platform.somebody("an@startup.be", "startup")
    with platform.context.sessions.begin() as session:
        session.scalars(select(Account).where(Account.email == "an@startup.be")).one().language = "fr"
    return seeker, platform.somebody("piet@hal.be", "hal-2", Role.PLANNER)


def entry(platform: Platform, address: str, said: str) -> tuple[Any, Any]:
    """The calendar and its event that came with a mail."""
    (part,) = platform.mail(address, said).iter_attachments()
    assert part.get_content_type() == "text/calendar"
    calendar = Calendar.from_ical(part.get_content())
    assert part.get_param("method") == str(calendar["METHOD"])
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_both_calendars_get_the_entry_and_lose_it(platform: Platform) -> None:
    seeker, planner = people(platform)
    platform.offer("o1", 60, 4, booking="on_request")
    made = seeker.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    planner.post(f"/api/v1/bookings/{made}/state", json={"state": "accepted"})
    uids = set()
    for address, said in (("an@startup.be", "confirmée"), ("piet@hal.be", "Aanvaard:")):
        calendar, event = entry(platform, address, said)
        assert (str(calendar["METHOD"]), int(event["SEQUENCE"]), str(event["STATUS"])) == ("REQUEST", 0, "CONFIRMED")
        assert event.decoded("DTSTART") == NOON + 60 * HOUR
        assert str(event["LOCATION"]) == "Dijk 4, Sint-Truiden"
        assert str(event["ATTENDEE"]) == f"mailto:{address}"
        uids.add(str(event["UID"]))
    feed = seeker.post("/api/v1/feeds", json={"subject": "seeker"}).json()["url"]
    (event,) = Calendar.from_ical(platform.anyone.get(feed).text).walk("VEVENT")
    assert uids == {str(event["UID"])}, "the feed has the same entry"
    seeker.post(f"/api/v1/bookings/{made}/state", json={"state": "cancelled"})
    for address, said in (("an@startup.be", "Vous avez annulé"), ("piet@hal.be", "geannuleerd")):
        calendar, event = entry(platform, address, said)
        assert (str(calendar["METHOD"]), int(event["SEQUENCE"]), str(event["STATUS"])) == ("CANCEL", 1, "CANCELLED")
        assert {str(event["UID"])} == uids
    with platform.context.sessions() as session:
        sent = select(Mail).where(Mail.sent.is_not(None))
        assert not any(mail.calendars for mail in session.scalars(sent)), "what has been sent is not kept"


def test_what_was_only_asked_for_is_in_no_calendar(platform: Platform) -> None:
    seeker, _ = people(platform)
    platform.offer("o1", 60, 4, booking="on_request")
    made = seeker.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    seeker.post(f"/api/v1/bookings/{made}/state", json={"state": "cancelled"})
    mail = platform.mail("piet@hal.be", "geannuleerd")
    assert not list(mail.iter_attachments())


def test_each_part_is_an_entry_of_its_own(platform: Platform) -> None:
    seeker, planner = people(platform)
    for name, start in (("o1", 60), ("o2", 84)):
        platform.offer(name, start, 4, booking="on_request")
    more = [{"offer_id": "o2", "start": (NOON + 84 * HOUR).isoformat(), "end": (NOON + 88 * HOUR).isoformat()}]
    made = seeker.post("/api/v1/offers/o1/booking", json={"more": more}).json()
    planner.post(f"/api/v1/bookings/{made['id']}/state", json={"state": "accepted"})
    attached = platform.mail("an@startup.be", "confirmée").iter_attachments()
    events = [event for one in attached for event in Calendar.from_ical(one.get_content()).walk("VEVENT")]
    assert [event.decoded("DTSTART") for event in events] == [NOON + 60 * HOUR, NOON + 84 * HOUR]
    assert {str(event["UID"]).partition("@")[0] for event in events} == {part["id"] for part in made["parts"]}


def test_both_know_whom_to_turn_to_once_it_is_agreed(platform: Platform) -> None:
    seeker, planner = people(platform)
    platform.somebody("baas@hal.be", "hal-2", Role.OWNER)
    platform.offer("o1", 60, 4, booking="on_request")
    made = seeker.post("/api/v1/offers/o1/booking", json={}).json()
    assert made["contacts"] == []
    assert "an@startup.be" not in planner.get(f"/bookings/{made['id']}").text
    planner.post(f"/api/v1/bookings/{made['id']}/state", json={"state": "accepted"})
    theirs, own = seeker.get(f"/api/v1/bookings/{made['id']}").json()["contacts"]
    assert (theirs["name"], theirs["email"], own["email"]) == ("piet", "piet@hal.be", "an@startup.be")
    assert 'href="mailto:piet@hal.be"' in seeker.get(f"/bookings/{made['id']}").text
    assert 'href="mailto:an@startup.be"' in planner.get(f"/bookings/{made['id']}").text
    assert "piet, piet@hal.be" in platform.mail("an@startup.be", "confirmée").get_content()
    assert "an, an@startup.be" in platform.mail("piet@hal.be", "Aanvaard:").get_content()


@pytest.mark.parametrize(
    ("agreed", "now", "wanted"),
    [(-48, -24, True), (-48, -25, False), (-24, -24, True), (-23, -22, False), (-48, -1, True), (-48, 0, False)],
)
def test_when_a_reminder_is_wanted(agreed: int, now: int, wanted: bool) -> None:
    """In hours from the start."""
    assert is_wanted(NOON, NOON + agreed * HOUR, NOON + now * HOUR) == wanted


def test_both_are_reminded_once_in_their_language(platform: Platform) -> None:
    seeker, _ = people(platform)
    for name, start in (("o1", 60), ("soon", 20)):
        platform.offer(name, start, 4)
        seeker.post(f"/api/v1/offers/{name}/booking", json={})
    platform.later(35.9)

    def reminded() -> list[tuple[str, str]]:
        with platform.context.sessions() as session:
            mails = session.scalars(
                select(Mail).where(Mail.subject.contains("appel") | Mail.subject.contains("erinnering"))
            )
            return sorted((one.to, one.subject) for one in mails)

    assert reminded() == [], "who agrees less than a day before is not reminded"
    platform.later(0.1)
    platform.later(1)
    title = "Freesbank DMU 50"
    assert reminded() == [("an@startup.be", f"Rappel : {title}"), ("piet@hal.be", f"Herinnering: {title} voor startup")]
    text = platform.mail("an@startup.be", "Rappel").get_content()
    assert "Dijk 4" in text
    assert "jeu 05/03/2026, 00:00" in text, "the region's time"


def test_who_has_erased_their_account_is_no_contact(platform: Platform) -> None:
    seeker, planner = people(platform)
    platform.offer("o1", 3, 2)
    made = seeker.post("/api/v1/offers/o1/booking", json={}).json()
    platform.later(6)
    assert seeker.request("DELETE", "/api/v1/account").status_code == 204
    theirs, _ = planner.get(f"/api/v1/bookings/{made['id']}").json()["contacts"]
    assert (theirs["organisation"], theirs["name"], theirs["email"]) == ("startup", "", "")
    assert "erased-" not in planner.get(f"/bookings/{made['id']}").text.partition("<h2")[0]
