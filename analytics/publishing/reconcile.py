"""Determines what to change on the sharing platform so that it shows what should be offered. Pure."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from analytics.policy.slot import Slot, Window
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


def reconcile(factory: str, offered: Sequence[Offer], wanted: Sequence[Slot], booked: Collection[str] = ()) -> Changes:
    """Compare the offers on the platform with the wanted slots. `booked`: machines with bookings. Their offers may be what a booking left of
    one offer, which the platform changes together: if one of them changes, all are put.

    A wanted slot that overlaps an offer of the same machine keeps its id. A slot that is shortened, moved or
    forecast with another probability therefore stays the same offer and is never offered twice. Offers without a
    wanted slot are withdrawn.
    """
    left: dict[str, dict[str, Offer]] = defaultdict(dict)
    for offer in offered:
        left[offer.slot.machine][offer.id] = offer
    # An offer that has moved keeps its id, so a new slot at its former start must not take it.
    taken = {offer.id for offer in offered}
    put: list[Offer] = []
    unchanged: list[Offer] = []
    for slot in sorted(wanted, key=lambda slot: (slot.machine, slot.start)):
        match = _best_match(slot, left[slot.machine].values())
        if match is not None:
            del left[slot.machine][match.id]
            (put if _differs(match.slot, slot) else unchanged).append(replace(match, slot=slot))
        else:
            new = Offer(offer_id(factory, slot, taken), slot)
            taken.add(new.id)
            put.append(new)
    withdrawn = [offer for of_machine in left.values() for offer in of_machine.values()]
    changing = {offer.slot.machine for offer in (*put, *withdrawn)} & set(booked)
    put += [offer for offer in unchanged if offer.slot.machine in changing]
    return Changes(tuple(put), tuple(sorted(offer.id for offer in withdrawn)))


def _best_match(slot: Slot, offers: Iterable[Offer]) -> Offer | None:
    """The offer that overlaps the slot most."""
    overlaps = [
        (min(slot.end, offer.slot.end) - max(slot.start, offer.slot.start), offer)
        for offer in offers
        if offer.slot.start < slot.end and slot.start < offer.slot.end
    ]
    return max(overlaps, key=lambda pair: (pair[0], pair[1].id))[1] if overlaps else None


def _differs(one: Slot, other: Slot) -> bool:
    return (
        (one.checked, one.broken) != (other.checked, other.broken)
        or len(one.bookable) != len(other.bookable)
        or any(map(_window_differs, one.bookable, other.bookable))
    )


def _window_differs(one: Window, other: Window) -> bool:
    return (one.start, one.end) != (other.start, other.end) or abs(one.probability - other.probability) >= 0.0005
