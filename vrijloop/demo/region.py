"""The demo's region: organisations beside the factory, which share, look for and ask for things through the platform's API.

Who takes part is made as the platform's operator would do it (`vrijloop platform-invite`); all the rest comes in as it does in life, with the sessions of people.
"""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.requests import NO_AUTHORITIES
from vrijloop.demo.workplace import Workplace

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_REGION = Path(__file__).with_name("region.toml")
REGION_NAME = "Regio Limburg"
_ZONE = ZoneInfo("Europe/Brussels")


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
    """Let the region's organisations share and ask. In a folder in which they have, nothing is done. Raises UnavailableError."""
    told = tomllib.loads(_REGION.read_text(encoding="utf-8"))
    links = _people(place, told, now)
    if not links:
        return
    with ExitStack() as opened:
        factory, *others = [_sign_in(place, secret, opened) for secret in links]
        _describe_factory(factory, told["factory"], place)
        organisations = list(zip(told["organisation"], others, strict=True))
        for own, member in organisations:
            _share(member, own, now)
        for own, member in organisations:
            _ask(member, own)
        for own, member in organisations:
            if own.get("answers"):
                _answer(member)


def administrator_link(place: Workplace, now: datetime) -> str:
    """A link that works once, with which the region's administrator chooses a password and is signed in."""
    from sharing_platform.database import open_database

    with open_database(place.database_url).begin() as session:
        secret = _join(session, REGION_NAME, "region", "beheer@demo.example", "Lies Jans", now)
    return f"{place.platform_url}/welcome/{secret}"


def _people(place: Workplace, told: Mapping[str, Any], now: datetime) -> list[str]:
    """The secret of a link for one person of each organisation, the factory's first; empty where they are there already."""
    from sqlalchemy import select

    from sharing_platform.database import open_database
    from sharing_platform.organisations.first_people import add_person
    from sharing_platform.organisations.models import Organisation
    from sharing_platform.organisations.permissions import Role

    with open_database(place.database_url).begin() as session:
        first = told["organisation"][0]["name"]
        if session.scalars(select(Organisation).where(Organisation.name == first)).first() is not None:
            return []
        owner = add_person(
            session, place.factory, "zaakvoerder@demo.example", "Rik Thijs", Role.OWNER, "member.joined", now
        )
        return [
            owner,
            *(
                _join(session, one["name"], one["kind"], _address_of(one["person"]), one["person"], now)
                for one in told["organisation"]
            ),
        ]


def _address_of(person: str) -> str:
    return f"{person.split()[0].lower()}@demo.example"


def _join(session: Session, name: str, kind: str, email: str, person: str, now: datetime) -> str:
    """The secret of a link for the owner of an organisation, which is approved, and made where it is not there."""
    from sqlalchemy import select

    from sharing_platform.organisations.directory import create_organisation
    from sharing_platform.organisations.first_people import add_person
    from sharing_platform.organisations.models import Organisation
    from sharing_platform.organisations.permissions import APPROVED, Kind, Role

    known = session.scalars(select(Organisation).where(Organisation.name == name)).first()
    made = known or create_organisation(session, name, Kind(kind), now)
    made.status, made.decided = APPROVED, now
    return add_person(session, made.id, email, person, Role.OWNER, "member.joined", now)


def _sign_in(place: Workplace, secret: str, opened: ExitStack) -> Member:
    """`opened` closes the connection."""
    # A session's requests say where they come from, as a browser's do.
    origin = {"Origin": place.platform_url}
    client = httpx2.Client(base_url=place.platform_url, headers=origin, timeout=30, verify=NO_AUTHORITIES)
    member = Member(opened.enter_context(client))
    member.send("POST", "/accounts/welcome", link=secret, password=secrets.token_urlsafe(24))
    return member


def _describe_factory(owner: Member, told: Mapping[str, Any], place: Workplace) -> None:
    owner.send("PUT", "/organisation", name=told["name"], place=told["place"], address=told["address"])
    for machine, details in told["machines"].items():
        owner.send("PUT", f"/machines/{place.factory}/{machine}/details", **details)


def _share(member: Member, told: Mapping[str, Any], now: datetime) -> None:
    member.send("PUT", "/organisation", name=told["name"], place=told["place"])
    tomorrow = now.astimezone(_ZONE).date() + timedelta(days=1)
    start = datetime.combine(tomorrow, time(0), _ZONE)
    for one in told.get("listings", ()):
        listing = dict(one)
        end = datetime.combine(tomorrow + timedelta(days=listing.pop("days")), time(0), _ZONE)
        member.send("POST", "/listings", start=start.isoformat(), end=end.isoformat(), **listing)
    for one in told.get("wanted", ()):
        member.send("POST", "/wanted", **one)


def _ask(member: Member, told: Mapping[str, Any]) -> None:
    """For the first listing of each kind asked for and, where hours are booked, the first free ones."""
    asks = told.get("asks", ())
    listings = member.send("GET", "/listings")["listings"] if asks else []
    for kind in asks:
        listing = next(one for one in listings if one["kind"] == kind)
        places = {"places": 2} if kind == "training" else {}
        member.send(
            "POST", f"/listings/{listing['id']}/booking", message="Is dit nog vrij? We lichten het graag toe.", **places
        )
    if told.get("books"):
        offers = member.send("GET", "/offers?limit=1")["offers"]
        if offers:
            with suppress(UnavailableError):  # the hours may just have gone
                member.send("POST", f"/offers/{offers[0]['id']}/booking", message="Koppelstukken, 40 stuks.")


def _answer(member: Member) -> None:
    """The first request is accepted with a message; the others wait."""
    asked = member.send("GET", "/bookings?side=provider&state=requested&state=held")["bookings"]
    if asked:
        member.send("POST", f"/bookings/{asked[0]['id']}/state", state="accepted", message="Ja, dat past. Tot dan.")
