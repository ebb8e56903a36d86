"""What machines and their hours are to search engines: schema.org, as JSON-LD. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.models import Offer
from sharing_platform.machines.prices import TimedPrice


def offer_markup(site: str, offer: Offer, entry: IndexEntry) -> str | None:
    """An `Offer`, for anybody: None for one that is not public. `site`: the platform's public address."""
    return _written({"@context": "https://schema.org", **_offer(site, offer, entry)}) if _is_public(offer) else None


def machine_markup(site: str, entry: IndexEntry, offers: Sequence[Offer], about: str) -> str | None:
    """A `Service` with the first of its hours; None where none of them are public."""
    public = [one for one in offers if _is_public(one)]
    if not public:
        return None
    item: dict[str, object] = {
        "@context": "https://schema.org", "@type": "Service", "name": entry.document.title, "description": about, "url": f"{site}{entry.path}",
        "offers": [_offer(site, one, entry) for one in public[:_OFFERS_LISTED]],
    }  # fmt: skip
    if entry.factory is not None:
        item["provider"] = {"@type": "Organization", "name": entry.factory_name}
    if entry.picture is not None:
        item["image"] = f"{site}{entry.picture.path}/preview"
    return _written(item)


_OFFERS_LISTED = 6


def _is_public(offer: Offer) -> bool:
    return offer.visibility == "public"


def _written(item: dict[str, object]) -> str:
    """`<` is escaped, because it could end the script element."""
    return json.dumps(item, ensure_ascii=False).replace("<", "\\u003c")


def _offer(site: str, offer: Offer, entry: IndexEntry) -> dict[str, object]:
    """Without the seller where that is not said."""
    item: dict[str, object] = {
        "@type": "Offer",
        "url": f"{site}/offers/{offer.public_id}",
        "availability": "https://schema.org/InStock",
        "availabilityStarts": offer.start.isoformat(),
        "availabilityEnds": offer.end.isoformat(),
        "businessFunction": "http://purl.org/goodrelations/v1#LeaseOut",
        "eligibleDuration": {
            "@type": "QuantitativeValue", "value": round(offer.longest_s / 3600, 2), "unitCode": "HUR"
        },
        "itemOffered": {"@type": "Service", "name": entry.document.title},
    }  # fmt: skip
    if entry.factory is not None:
        item["seller"] = {"@type": "Organization", "name": entry.factory_name}
    if offer.price_per_hour is not None:
        item["priceSpecification"] = {
            "@type": "UnitPriceSpecification", **_price_markup(offer.price_per_hour, offer.timed_prices), "priceCurrency": "EUR",
            "unitCode": "HUR", "valueAddedTaxIncluded": False,
        }  # fmt: skip
    return item


def _price_markup(per_hour: Decimal, others: Sequence[TimedPrice]) -> dict[str, str]:
    if not others:
        return {"price": str(per_hour)}
    prices = [per_hour, *(one.per_hour for one in others)]
    return {"minPrice": str(min(prices)), "maxPrice": str(max(prices))}
