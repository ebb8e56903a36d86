"""A search over machines, people, equipment, know-how, training, wanted notices and what organisations learn from each other: the same criteria, compared with each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.learning import posts
from sharing_platform.learning import service as learning_service
from sharing_platform.listings import service as listing_service
from sharing_platform.listings.filters import ListingFilter
from sharing_platform.listings.records import FoundListing, find_listings
from sharing_platform.machines.index import MachineIndex
from sharing_platform.machines.machine_results import machines_in_order
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.machines.offer_search import find_places, offers_at
from sharing_platform.occupancy import Occupancy
from sharing_platform.search.axes import axes_named
from sharing_platform.search.criteria import Wish
from sharing_platform.search.neighbours import NeighbourHit
from sharing_platform.search.product_words import processes_named, with_kind
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.unified_search.schemas import (
    ListingSection,
    MachineHit,
    MachineSection,
    NeighbourItemOut,
    NeighbourSection,
    NoticeSection,
    PostSection,
    SearchResults,
)
from sharing_platform.wanted.notices import find_notices
from sharing_platform.wanted.service import search_out

SHOWN = 4
"""Of each kind; the page of the kind has the rest."""
_MANY = 100
EVERY_KIND = ("machine", "operator", "equipment", "know_how", "training", "notice")
_BATCH = 250


@dataclass(frozen=True)
class Searched:
    """What is searched, and as whom. `viewer`: the member as whom the caller sees offers."""

    session: Session
    index: MachineIndex
    occupancy: Occupancy
    now: datetime
    zone: str
    viewer: str | None


POSTS = {"stories": "story", "meetings": "meeting", "wanted_training": "interest", "questions": "question"}
"""The sections of what organisations post to learn from each other, and the kind in each."""


def search_everything(searched: Searched, wish: Wish, shown: int = SHOWN) -> SearchResults:
    """Of each kind what fits; where nothing has all the words, what is of the process that they name. Raises InvalidError as `prepare_criteria`."""
    strict = prepare_criteria(wish)
    named = processes_named(wish.words) if not wish.process else ()
    process = named[0] if named else None
    loose = prepare_criteria(wish.model_copy(update={"words": "", "process": process})) if process else None
    of_posts = posts.criteria_of(strict.wish), posts.criteria_of(loose.wish) if loose else None
    return SearchResults(
        machines=_machines(searched, prepare_criteria(_of_machines(wish)), loose, shown),
        **_listings(searched, strict, loose, shown),
        notices=_notices(searched, strict, loose, shown),
        **{name: _posts(searched, kind, *of_posts, shown) for name, kind in POSTS.items()},
        neighbours=NeighbourSection(count=0, found=[]),
    )


def sought_in_vain(searched: Searched, results: SearchResults, wish: Wish) -> PreparedCriteria | None:
    """The search as one for what its words name, a kind of listing or else machines, where there are none of it."""
    subject = with_kind(wish).subject
    name = next((name for name, kind in _SECTIONS.items() if kind == subject), "machines")
    section: MachineSection | ListingSection = getattr(results, name)
    if section.count:
        return None
    if subject == "machine":
        return prepare_criteria(wish)
    return listing_service.sought_in_vain(
        searched.session, searched.occupancy, wish, searched.now, searched.zone, ListingFilter()
    )


def _of_machines(wish: Wish) -> Wish:
    """As the list of machines reads the words: it has a filter for axes."""
    axes, words = axes_named(wish.words)
    return wish if axes is None or wish.axes is not None else wish.model_copy(update={"words": words, "axes": axes})


def best_machines(searched: Searched, criteria: PreparedCriteria, limit: int) -> tuple[list[RankedOffer], bool]:
    """The best offer of each machine that fits, and whether there are more machines."""

    asks = (searched.session, searched.index, criteria, searched.now, searched.zone, searched.viewer)
    found, more = machines_in_order(lambda cursor: find_places(*asks, _BATCH, "fit", cursor), 0, limit)
    return offers_at(*asks, found), more


def _machines(
    searched: Searched, strict: PreparedCriteria, loose: PreparedCriteria | None, shown: int
) -> MachineSection:
    found, more = best_machines(searched, strict, _MANY)
    by_process = None
    if not found and loose is not None:
        found, more = best_machines(searched, loose, _MANY)
        by_process = loose.wish.process if found else None
    return MachineSection(
        count=len(found),
        more=more,
        by_process=by_process,
        found=[machine_hit(one, searched.viewer) for one in found[:shown]],
    )


def machine_hit(one: RankedOffer, viewer: str | None) -> MachineHit:
    """As its reader may know it."""
    document = one.entry.document
    distance = one.ranking.distance
    return MachineHit(
        factory=one.entry.factory,
        factory_name=one.entry.factory_name,
        machine=one.entry.machine,
        title=document.title,
        process=document.process,
        place=document.place,
        distance_km=round(distance, 1) if distance is not None else None,
        offer_id=one.offer.id_for(viewer),
        start=one.window.start,
        end=one.window.end,
        probability=one.window.probability,
        price_per_hour=one.offer.lowest_per_hour,
    )


def neighbour_out(hit: NeighbourHit) -> NeighbourItemOut:
    """As the API shows it."""
    shown = {name: getattr(hit, name) for name in NeighbourItemOut.model_fields if name != "distance_km"}
    distance = round(hit.distance, 1) if hit.distance is not None else None
    return NeighbourItemOut(**shown, distance_km=distance)


_SECTIONS = {"operators": "operator", "equipment": "equipment", "know_how": "know_how", "trainings": "training"}


def _listings(
    searched: Searched, strict: PreparedCriteria, loose: PreparedCriteria | None, shown: int
) -> dict[str, ListingSection]:
    exact = _by_kind(searched, strict)
    missing = loose is not None and any(not exact.get(kind) for kind in _SECTIONS.values())
    others = _by_kind(searched, loose) if loose is not None and missing else {}
    sections = {}
    for name, kind in _SECTIONS.items():
        found = exact.get(kind) or others.get(kind, [])
        by_process = loose.wish.process if loose is not None and not exact.get(kind) and found else None
        out = listing_service.listings_out(searched.session, searched.occupancy, list(found[:shown]))
        sections[name] = ListingSection(count=len(found), by_process=by_process, found=out)
    return sections


def _by_kind(searched: Searched, criteria: PreparedCriteria) -> dict[str, Sequence[FoundListing]]:
    found: dict[str, list[FoundListing]] = {}
    for one in find_listings(searched.session, criteria, searched.now, searched.zone):
        found.setdefault(one.listing.kind, []).append(one)
    return dict(found)


def _notices(searched: Searched, strict: PreparedCriteria, loose: PreparedCriteria | None, shown: int) -> NoticeSection:
    found, by_process = find_notices(searched.session, strict), None
    if not found and loose is not None:
        found = find_notices(searched.session, loose)
        by_process = loose.wish.process if found else None
    return NoticeSection(
        count=len(found), by_process=by_process, found=[search_out(*notice) for notice in found[:shown]]
    )


def _posts(
    searched: Searched, kind: str, strict: PreparedCriteria, loose: PreparedCriteria | None, shown: int
) -> PostSection:
    found, by_process = posts.find_posts(searched.session, strict, searched.now, kind), None
    if not found and loose is not None:
        found = posts.find_posts(searched.session, loose, searched.now, kind)
        by_process = loose.wish.process if found else None
    out = learning_service.posts_out(searched.session, found[:shown])
    return PostSection(count=len(found), by_process=by_process, found=out)
