"""The demo's region: organisations beside the factory, which share, look for and ask for things through the platform's API.

Who takes part is made as the platform's operator would do it (`vrijloop platform-invite`); all the rest comes in as it does in life, with the sessions of people.
"""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.requests import NO_AUTHORITIES
from vrijloop.demo.workplace import Workplace

_REGION = Path(__file__).with_name("region.toml")
REGION_NAME = "Regio Limburg"
_ZONE = ZoneInfo("Europe/Brussels")


@dataclass(frozen=True)
class Taken:
    """Somebody signed in, for an organisation."""

    organisation: str
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
    people = _people(place, told, now)
    if not people:
        return
    clients: list[Taken] = []
    try:
        for organisation, secret in people:
            clients.append(_sign_in(place, organisation, secret))
        _describe_factory(clients[0], told["factory"], place)
        for own, taken in zip(told["organisation"], clients[1:], strict=True):
            _share(taken, own, now)
        for own, taken in zip(told["organisation"], clients[1:], strict=True):
            _ask(taken, own)
        for own, taken in zip(told["organisation"], clients[1:], strict=True):
            if own.get("answers"):
                _answer(taken)
    finally:
        for taken in clients:
            taken.client.close()


def administrator_link(place: Workplace, now: datetime) -> str:
    """A link that works once, with which the region's administrator chooses a password and is signed in."""
    return f"{place.platform_url}/welcome/{_invite(place, REGION_NAME, 'region', 'beheer@demo.example', 'Lies Jans', now)[1]}"


def _people(place: Workplace, told: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    """Organisation and secret of a link for one person of each, the factory first; empty where they are there already."""
    from sharing_platform.database import open_database
    from sharing_platform.organisations.first_people import add_person
    from sharing_platform.organisations.models import Organisation
    from sharing_platform.organisations.permissions import Role

    with open_database(place.database_url).begin() as session:
        if session.query(Organisation).filter_by(name=told["organisation"][0]["name"]).first() is not None:
            return []
        factory = add_person(
            session, place.factory, "zaakvoerder@demo.example", "Rik Thijs", Role.OWNER, "member.joined", now
        )
    others = [
        _invite(place, one["name"], one["kind"], f"{one['person'].split()[0].lower()}@demo.example", one["person"], now)
        for one in told["organisation"]
    ]
    return [(place.factory, factory), *others]


def _invite(place: Workplace, name: str, kind: str, email: str, person: str, now: datetime) -> tuple[str, str]:
    """(id, secret of a link) of an approved organisation and its owner."""
    from sharing_platform.database import open_database
    from sharing_platform.organisations.directory import create_organisation
    from sharing_platform.organisations.first_people import add_person
    from sharing_platform.organisations.models import Organisation
    from sharing_platform.organisations.permissions import APPROVED, Kind, Role

    with open_database(place.database_url).begin() as session:
        made = session.query(Organisation).filter_by(name=name).first() or create_organisation(
            session, name, Kind(kind), now
        )
        made.status, made.decided = APPROVED, now
        return made.id, add_person(session, made.id, email, person, Role.OWNER, "member.joined", now)


def _sign_in(place: Workplace, organisation: str, secret: str) -> Taken:
    # A session's requests say where they come from, as a browser's do.
    origin = {"Origin": place.platform_url}
    client = httpx2.Client(base_url=place.platform_url, headers=origin, timeout=30, verify=NO_AUTHORITIES)
    taken = Taken(organisation, client)
    taken.send("POST", "/accounts/welcome", link=secret, password=secrets.token_urlsafe(24))
    return taken


def _describe_factory(owner: Taken, told: Mapping[str, Any], place: Workplace) -> None:
    owner.send("PUT", "/organisation", name=told["name"], place=told["place"], address=told["address"])
    for machine, details in told["machines"].items():
        owner.send("PUT", f"/machines/{place.factory}/{machine}/details", **details)


def _share(taken: Taken, told: Mapping[str, Any], now: datetime) -> None:
    taken.send("PUT", "/organisation", name=told["name"], place=told["place"])
    tomorrow = now.astimezone(_ZONE).date() + timedelta(days=1)
    start = datetime.combine(tomorrow, time(0), _ZONE)
    for one in told.get("listings", ()):
        listing = dict(one)
        end = datetime.combine(tomorrow + timedelta(days=listing.pop("days")), time(0), _ZONE)
        taken.send("POST", "/listings", start=start.isoformat(), end=end.isoformat(), **listing)
    for one in told.get("wanted", ()):
        taken.send("POST", "/wanted", **one)


def _ask(taken: Taken, told: Mapping[str, Any]) -> None:
    """For the first listing of each kind asked for and, where hours are booked, the first free ones."""
    for kind in told.get("asks", ()):
        listing = next(one for one in taken.send("GET", "/listings")["listings"] if one["kind"] == kind)
        places = {"places": 2} if kind == "training" else {}
        taken.send(
            "POST", f"/listings/{listing['id']}/booking", message="Is dit nog vrij? We lichten het graag toe.", **places
        )
    if told.get("books"):
        offers = taken.send("GET", "/offers?limit=1")["offers"]
        if offers:
            with suppress(UnavailableError):  # the hours may just have gone
                taken.send("POST", f"/offers/{offers[0]['id']}/booking", message="Koppelstukken, 40 stuks.")


def _answer(taken: Taken) -> None:
    """The first request is accepted with a message; the others wait."""
    asked = taken.send("GET", "/bookings?side=provider&state=requested&state=held")["bookings"]
    if asked:
        taken.send("POST", f"/bookings/{asked[0]['id']}/state", state="accepted", message="Ja, dat past. Tot dan.")
