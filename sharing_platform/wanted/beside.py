"""What an organisation has of that which a wanted notice, or a part of one, asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.machines.index import IndexEntry, MachineIndex
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import Ranking, prepare_criteria, rank


@dataclass(frozen=True)
class OwnMachine:
    """A machine of the reader's beside what is wanted. `ranking`: None where it does not fit; `hours`: the first of its free hours that do, of which there may be
    none."""

    entry: IndexEntry
    ranking: Ranking | None
    hours: RankedOffer | None


def own_machines(
    context: PlatformContext, session: Session, index: MachineIndex, wish: Wish, organisation: str
) -> list[OwnMachine]:
    """Those that fit first, the best of them before the others; none where no machine is wanted."""
    if wish.subject != "machine":
        return []
    criteria, found = prepare_criteria(wish), []
    for key, indexed in index.entries(session).items():
        if key[0] != organisation:
            continue
        ranking = rank(criteria, indexed.own.document)
        hours: Sequence[RankedOffer] = ()
        if ranking is not None:
            hours = find_offers(session, index, criteria, context.now(), context.zone, organisation, 1, machines=[key]).found  # fmt: skip
        found.append(OwnMachine(indexed.own, ranking, hours[0] if hours else None))
    return sorted(found, key=lambda one: (-(one.ranking.score if one.ranking else -1.0), one.entry.document.title))
