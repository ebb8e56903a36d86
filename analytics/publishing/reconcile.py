"""Determines what to change on the sharing platform so that it shows what should be offered. Pure."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from analytics.policy.slot import Slot
from telemetry import rfc3339

_NAMESPACE = uuid.UUID("6f1c4a9e-54b1-5c8e-9d0b-0d7c7e1c2f55")


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot with its id on the platform."""

    id: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Changes:
    """Offers to create or change, and ids to withdraw."""

    put: tuple[Offer, ...]
    withdraw: tuple[str, ...]


def offer_id(factory: str, slot: Slot, taken: Collection[str] = ()) -> str:
    """A deterministic id for the slot; where that is taken by another slot, the next in a deterministic sequence."""
    name = f"{factory}/{slot.machine}/{rfc3339(slot.start)}"
    ids = (str(uuid.uuid5(_NAMESPACE, name if not count else f"{name}/{count}")) for count in itertools.count())
    return next(candidate for candidate in ids if candidate not in taken)


def reconcile(factory: str, offered: Sequence[Offer], wanted: Sequence[Slot]) -> Changes:
    """Compare the offers on the platform with the wanted slots.

    A wanted slot that overlaps an offer of the same machine keeps its id. A slot that is shortened, moved or
    forecast with another probability therefore stays the same offer and is never offered twice. Offers without a
    wanted slot are withdrawn.
    """
    left: dict[str, dict[str, Offer]] = defaultdict(dict)
    for offer in offered:
        left[offer.slot.machine][offer.id] = offer
    # An offer that has moved keeps its id, so a new slot at its former start must not take it.
    taken = {offer.id for offer in offered}
    put = []
    for slot in sorted(wanted, key=lambda slot: (slot.machine, slot.start)):
        match = _best_match(slot, left[slot.machine].values())
        if match is not None:
            del left[slot.machine][match.id]
            if _differs(match.slot, slot):
                put.append(replace(match, slot=slot))
        else:
            new = Offer(offer_id(factory, slot, taken), slot)
            taken.add(new.id)
            put.append(new)
    return Changes(tuple(put), tuple(sorted(offer_id for own in left.values() for offer_id in own)))


def _best_match(slot: Slot, offers: Iterable[Offer]) -> Offer | None:
    """The offer that overlaps the slot most."""
    overlaps = [
        (min(slot.end, offer.slot.end) - max(slot.start, offer.slot.start), offer)
        for offer in offers
        if offer.slot.start < slot.end and slot.start < offer.slot.end
    ]
    return max(overlaps, key=lambda pair: (pair[0], pair[1].id))[1] if overlaps else None


def _differs(one: Slot, other: Slot) -> bool:
    return (one.start, one.end, one.checked, one.broken) != (
        other.start,
        other.end,
        other.checked,
        other.broken,
    ) or abs(one.probability - other.probability) >= 0.0005
