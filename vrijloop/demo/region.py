"""The demo's region: factories and organisations, which share, look for and ask for things through the platform's API.

Who takes part is made as the platform's operator would do it (`vrijloop platform-invite`); all the rest comes in as it does in life, with the sessions of people.
"""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.requests import NO_AUTHORITIES
from vrijloop.demo.workplace import Workplace

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from sharing_platform.organisations.permissions import Kind, Role

REGION = Path(__file__).with_name("region.toml")
_ZONE = ZoneInfo("Europe/Brussels")
_AHEAD = timedelta(hours=18)
"""What is asked for is not tonight."""


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in for an organisation."""

    client: httpx2.Client

    def send(self, method: str, path: str, **body: Any) -> Any:
        """The JSON of the answer, None where there is none. Raises UnavailableError."""
        answer = self.client.request(method, f"/api/v1{path}", json=body)
        if answer.is_error:
            raise UnavailableError(f"the demo's platform refused {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else None


def fill_region(place: Workplace, now: datetime) -> None:
    """Let the region's factories and organisations share and ask, on the platform of this place. In a folder in which they have, nothing is done. Raises
    UnavailableError."""
    told = tomllib.loads(REGION.read_text(encoding="utf-8"))
    links = _people(place, told, now)
    if not links:
        return
    with ExitStack() as opened:
        members = {person: _sign_in(place, secret, opened) for person, secret in links.items()}
        factories = [(one, members[one["owner"]]) for one in told["factory"]]
        organisations = [(one, members[one["person"]]) for one in (*told["organisation"], *told["applicant"])]
        for own, member in factories:
            _describe_factory(member, own)
        for place_in_file, (own, member) in enumerate((*factories, *organisations)):
            _introduce(member, own, place_in_file)
            _share(member, own, now)
        for own, member in organisations:
            _ask(member, own, now)
        for own, member in (*factories, *organisations):
            _wait_and_help(member, own)
        for own, member in organisations:
            if own.get("answers"):
                _answer(member)


def address_of(person: str) -> str:
    return f"{person.split()[0].lower()}@demo.example"


def _people(place: Workplace, told: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Each person's secret of a link with which they choose a password; empty where they are there already."""
    from sqlalchemy import select

    from sharing_platform.database import open_database
    from sharing_platform.organisations.models import Organisation
    from sharing_platform.organisations.permissions import Kind, Role

    with open_database(place.database_url).begin() as session:
        first = told["organisation"][0]["name"]
        if session.scalars(select(Organisation).where(Organisation.name == first)).first() is not None:
            return {}
        people = {}
        for one in told["factory"]:
            for role in (Role.OWNER, Role.PLANNER):
                if role in one:
                    people[one[role]] = _join(session, one["id"], one[role], role, now)
        region = told["administrator"]
        for name, kind, person in (
            (region["organisation"], Kind.REGION, region["person"]),
            *((one["name"], Kind(one["kind"]), one["person"]) for one in told["organisation"]),
        ):
            people[person] = _join(session, _made(session, name, kind, now), person, Role.OWNER, now)
        for one in told["applicant"]:
            made = _made(session, one["name"], Kind(one["kind"]), now, approved=False)
            people[one["person"]] = _join(session, made, one["person"], Role.OWNER, now)
        return people


def _made(session: Session, name: str, kind: Kind, now: datetime, approved: bool = True) -> str:
    """The id of a new organisation, which the region has approved, or has still to look at."""
    from sharing_platform.organisations.directory import create_organisation
    from sharing_platform.organisations.permissions import APPROVED, ASKED

    made = create_organisation(session, name, kind, now)
    made.status, made.decided = (APPROVED, now) if approved else (ASKED, None)
    return made.id


def _join(session: Session, organisation: str, person: str, role: Role, now: datetime) -> str:
    from sharing_platform.organisations.first_people import add_person

    return add_person(session, organisation, address_of(person), person, role, "member.joined", now)


def _sign_in(place: Workplace, secret: str, opened: ExitStack) -> Member:
    """`opened` closes the connection."""
    # A session's requests say where they come from, as a browser's do.
    origin = {"Origin": place.platform_url}
    client = httpx2.Client(base_url=place.platform_url, headers=origin, timeout=30, verify=NO_AUTHORITIES)
    member = Member(opened.enter_context(client))
    member.send("POST", "/accounts/welcome", link=secret, password=secrets.token_urlsafe(24))
    member.send("PUT", "/account/terms", version=1)
    return member


def _describe_factory(owner: Member, told: Mapping[str, Any]) -> None:
    for machine, details in told["machines"].items():
        owner.send("PUT", f"/machines/{told['id']}/{machine}/details", **details)


def _introduce(member: Member, told: Mapping[str, Any], place_in_file: int) -> None:
    address = {"address": told["address"]} if "address" in told else {}
    # Numbers of enterprises begin with 0 or 1, and those with 1999 have not been given yet.
    number = 19_999_000 + place_in_file
    numbers = {"country": "BE", "enterprise_number": f"{number}{97 - number % 97:02}"}
    member.send("PUT", "/organisation", name=told["name"], place=told["place"], **numbers, **address)


def _share(member: Member, told: Mapping[str, Any], now: datetime) -> None:
    tomorrow = now.astimezone(_ZONE).date() + timedelta(days=1)
    start = datetime.combine(tomorrow, time(0), _ZONE)
    for one in told.get("listings", ()):
        listing = dict(one)
        end = datetime.combine(tomorrow + timedelta(days=listing.pop("days")), time(0), _ZONE)
        if "sessions" in listing:
            sessions = [_session(tomorrow, each) for each in listing.pop("sessions")]
            listing["details"] = {**listing["details"], "sessions": sessions}
        member.send("POST", "/listings", start=start.isoformat(), end=end.isoformat(), **listing)
    for one in told.get("wanted", ()):
        member.send("POST", "/wanted", **one)


def _session(tomorrow: date, told: Mapping[str, Any]) -> dict[str, str]:
    """So many days after tomorrow."""
    day = tomorrow + timedelta(days=told["day"])
    return {
        name: datetime.combine(day, time.fromisoformat(told[hour]), _ZONE).isoformat()
        for name, hour in (("start", "from"), ("end", "to"))
    }


def _ask(member: Member, told: Mapping[str, Any], now: datetime) -> None:
    """For listings by their titles and, where hours are booked, the first free ones after tonight."""
    for one in told.get("asks", ()):
        places = {"places": one["places"]} if "places" in one else {}
        path = f"/listings/{_listing(member, one['title'])}/booking"
        member.send("POST", path, message="Is dit nog vrij? We lichten het graag toe.", **places)
    for one in told.get("books", ()):
        offers = member.send("GET", f"/offers?machine={one['machine']}")["offers"]
        offer = next((each for each in offers if datetime.fromisoformat(each["start"]) > now + _AHEAD), None)
        if offer is not None:
            end = datetime.fromisoformat(offer["start"]) + timedelta(hours=one["hours"])
            hours = {"start": offer["start"], "end": end.isoformat()}
            with suppress(UnavailableError):  # the hours may just have gone
                member.send("POST", f"/offers/{offer['id']}/booking", message=one["message"], **hours)


def _listing(member: Member, title: str) -> str:
    found = member.send("GET", "/listings?limit=1000")["listings"]
    return next(str(one["id"]) for one in found if one["title"] == title)


def _wait_and_help(member: Member, told: Mapping[str, Any]) -> None:
    """Wait for a place in trainings that are full, and answer parts of notices."""
    for title in told.get("waits", ()):
        member.send("POST", f"/listings/{_listing(member, title)}/waiting", places=1)
    for one in told.get("helps", ()):
        notices = member.send("GET", "/wanted?limit=1000")["searches"]
        notice = next(each for each in notices if each["title"] == one["notice"])
        parts = member.send("GET", f"/wanted/{notice['id']}")["parts"]
        part = next(each for each in parts if each["title"] == one["part"])
        member.send("POST", f"/wanted/{part['id']}/answers", text=one["text"])


def _answer(member: Member) -> None:
    """The first request is accepted with a message; the others wait."""
    asked = member.send("GET", "/bookings?side=provider&state=requested&state=held")["bookings"]
    if asked:
        member.send("POST", f"/bookings/{asked[0]['id']}/state", state="accepted", message="Ja, dat past. Tot dan.")
