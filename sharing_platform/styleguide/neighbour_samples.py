"""What neighbouring regions share, and a request in one of them, as the styleguide shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sharing_platform.federation.forwarding import Asked
from sharing_platform.federation.keys import fingerprint
from sharing_platform.federation.models import ForwardedRequest, Neighbour
from sharing_platform.search.neighbours import NeighbourHit
from sharing_platform.styleguide.machine_samples import BEGIN

_REGION = "Provincie Luik"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
STANDINGS = ("in_touch", "waiting", "added", "not_agreed", "away", "untrusted", "unreadable", "ended", "ended_there")


def _hit(kind: str, title: str, process: str, **more: Any) -> NeighbourHit:
    known: dict[str, Any] = {
        "region": _REGION, "heard": None, "kind": kind, "path": "#s-neighbours", "title": title, "process": process, "organisation": "Ateliers de Seraing", "place": "Luik",
        "distance": 42.0, "start": BEGIN + timedelta(hours=27), "end": BEGIN + timedelta(hours=33), "probability": 0.96, "amount": "78.00", "currency": "EUR", "unit": "hour", "score": 1.0,
    }  # fmt: skip
    return NeighbourHit(**known | more)


def neighbour_samples() -> dict[str, Any]:
    """`home_hits`: hours, people whose region has not answered for a while, and a wanted notice."""
    start = BEGIN + timedelta(hours=27)
    return {
        "home_hits": [
            _hit("machine", "Fraiseuse 5 axes Hermle C 400", "milling"),
            _hit("operator", "Twee TIG-lassers", "welding", heard=BEGIN, organisation=None, amount="410.00", currency="CHF", unit="day"),
            _hit("notice", "Assen draaien, veertig stuks", "turning", start=None, end=None, distance=None),
        ],
        "neighbour_standings": STANDINGS, "asked_states": list(Asked), "key_digits": fingerprint(KEY), "own_key": KEY,
        "forwarded": ForwardedRequest(id="forwarded", kind="offer", title="Fraiseuse 5 axes", start=start, end=start + timedelta(hours=4), message="Veertig beugels in inox."),
        "liege": Neighbour(id="luik", name=_REGION),
        "at_home": {"said": "Oui, avec notre opérateur.", "organisation_name": "Ateliers de Seraing", "address": "Rue du Fer 4, 4100 Seraing", "contact_name": "Luc", "contact_email": "luc@seraing.example"},
        "forwarded_state": Asked.ACCEPTED, "cancel_until": start - timedelta(hours=24),
    }  # fmt: skip
