"""A neighbouring region as its feed would have made it, for tests of pages that need no second platform."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sharing_platform.federation.keys import make_own_key
from sharing_platform.federation.models import AGREED, ForwardedRequest, Neighbour, NeighbourItem
from tests.sharing_platform.conftest import NOON, Platform

NEIGHBOUR, REQUEST = "6a1f2b3c-0000-4000-8000-000000000001", "6a1f2b3c-0000-4000-8000-000000000002"
_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
OFFER: dict[str, Any] = {
    "kind": "offer", "id": "luik-1", "machine": "seraing/mill-7", "title": "Fraiseuse 5 axes Hermle C 400", "process": "milling",
    "factory_name": "Ateliers de Seraing", "place": "Seraing", "latitude": 50.61, "longitude": 5.5,
    "start": (NOON + timedelta(days=1)).isoformat(), "end": (NOON + timedelta(days=1, hours=9)).isoformat(),
    "windows": [{"start": (NOON + timedelta(days=1)).isoformat(), "end": (NOON + timedelta(days=1, hours=9)).isoformat(), "probability": 0.96}],
    "checked": 40, "broken": 1, "price": {"amount": "78.00", "currency": "EUR"}, "minimum_hours": 2,
    "details": {"axes": 5, "materials": ["inox", "aluminium"], "certificates": ["ISO 9001"], "envelope_mm": [850, 700, 500]},
}  # fmt: skip
LISTING: dict[str, Any] = {
    "kind": "listing", "id": "luik-2", "title": "Deux soudeurs TIG", "organisation_name": "Ateliers de Seraing", "place": "Seraing",
    "start": NOON.isoformat(), "end": (NOON + timedelta(days=60)).isoformat(), "price": {"amount": "48.00", "currency": "EUR"}, "price_unit": "hour",
    "listing_kind": "operator", "details": {"processes": ["welding"], "people": 2},
}  # fmt: skip
NOTICE: dict[str, Any] = {
    "kind": "notice", "id": "luik-3", "title": "Cherche tournage d'axes", "text": "Quarante pièces.", "organisation_name": "Start Liège", "wish": {"process": "turning"},
}  # fmt: skip


def add_neighbour(platform: Platform, asked_by: str | None = None) -> None:
    """It has just answered, and shares one thing of each kind. `asked_by`: an organisation that has asked for the offer."""
    with platform.context.sessions.begin() as session:
        make_own_key(session)
        now = platform.present[0]
        session.add(
            Neighbour(
                id=NEIGHBOUR, name="Luik", url="https://vrijloop.luik.example", public_key=_KEY, state=AGREED, added=now, agreed=now, heard=now, read=now,
                mark="0a-1", zone="Europe/Brussels",
            )
        )  # fmt: skip
        session.flush()
        for content in (OFFER, LISTING, NOTICE):
            session.add(
                NeighbourItem(
                    neighbour_id=NEIGHBOUR,
                    kind=content["kind"],
                    id=content["id"],
                    digest=content["id"],
                    content=content,
                )
            )
        if asked_by is not None:
            start = NOON + timedelta(days=1)
            session.add(
                ForwardedRequest(
                    id=REQUEST, neighbour_id=NEIGHBOUR, kind="offer", item_id="luik-1", organisation_id=asked_by, title=OFFER["title"], start=start,
                    end=start + timedelta(hours=4), message="Veertig beugels", asked=now, valid_until=start, state="asking", at_home={},
                )
            )  # fmt: skip
