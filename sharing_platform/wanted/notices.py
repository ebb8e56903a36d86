"""Finding wanted notices by words, process, material and distance."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sharing_platform.geography import place_named
from sharing_platform.organisations.models import Organisation
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import PreparedCriteria, SearchDocument, document_of, rank
from sharing_platform.wanted.matching import wanted_notices
from sharing_platform.wanted.models import Search

_COMPARED = 1000
"""So many open notices are compared with a search; a region has fewer."""


def find_notices(session: Session, wanted: PreparedCriteria) -> list[tuple[Search, Organisation]]:
    """Those that fit: the best first, then the newest."""
    ranked = []
    for search, seeker in wanted_notices(session, None, _COMPARED):
        ranking = rank(wanted, _document(search, seeker))
        if ranking is not None:
            ranked.append((-ranking.score, search, seeker))
    return [(search, seeker) for _, search, seeker in sorted(ranked, key=lambda row: row[0])]


def _document(search: Search, seeker: Organisation) -> SearchDocument:
    wish = Wish.model_validate(search.wish)
    place = place_named(wish.near) if wish.near else None
    parts = [Wish.model_validate(part.wish) for part in search.parts]
    processes = [part.process for part in parts if part.process]
    details = MachineDetails(
        materials=wish.materials,
        certificates=wish.certificates,
        axes=wish.axes,
        processes=list(dict.fromkeys(processes))[:10],
    )
    at = (place.latitude, place.longitude) if place else seeker.degrees
    return document_of(
        search.title, wish.process, details, texts=(search.text, wish.words, seeker.name), at=at, place=wish.near
    )
