"""Changes to the ledger of sequence numbers, the same for every store. Stores keep a `LedgerEntry` per gateway and write what changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from stores.sequences import SequenceRanges
from stores.state_store import GatewayLedger
from telemetry.ranges import Range, difference, union

Gateway = tuple[str, str]
"""(factory, gateway)."""
LedgerEntry = tuple[SequenceRanges, int]
"""The numbers that arrived, and how many of them arrived more than once."""


def entries_with_batch(
    held: Mapping[Gateway, LedgerEntry], seqs_per_gateway: Iterable[tuple[Gateway, np.ndarray]]
) -> dict[Gateway, LedgerEntry]:
    """The entries of the gateways in a batch with its numbers added. `held` is not changed."""
    changed = {}
    for gateway, seqs in seqs_per_gateway:
        ranges, repeated = _copy_of(held, gateway)
        changed[gateway] = (ranges, repeated + ranges.add(seqs))
    return changed


def entries_with_ledger(
    held: Mapping[Gateway, LedgerEntry], ledger: Sequence[GatewayLedger]
) -> dict[Gateway, LedgerEntry]:
    """The entries of the gateways in another store's ledger with its numbers added. `held` is not changed."""
    changed = {}
    for other in ledger:
        gateway = (other.factory, other.gateway)
        ranges, repeated = _copy_of(held, gateway)
        ranges.join(SequenceRanges(list(other.ranges), other.given_up))
        changed[gateway] = (ranges, repeated + other.repeated)
    return changed


def ranges_held(held: Mapping[Gateway, LedgerEntry], gateways: Collection[Gateway]) -> dict[Gateway, list[Range]]:
    """The numbers that arrived of these gateways; a gateway of which none did has an empty list."""
    return {gateway: list(held[gateway][0].ranges) if gateway in held else [] for gateway in gateways}


def has_forgotten(held: Mapping[Gateway, LedgerEntry], stored: Mapping[Gateway, Mapping[str, LedgerEntry]]) -> bool:
    """Whether a store no longer has numbers that it had. `stored`: what it says now, the entry of each worker."""
    return any(
        difference(ranges.ranges, union(*(entry.ranges for entry, _ in stored.get(gateway, {}).values())))
        for gateway, (ranges, _) in held.items()
    )


def _copy_of(held: Mapping[Gateway, LedgerEntry], gateway: Gateway) -> LedgerEntry:
    ranges, repeated = held.get(gateway, (SequenceRanges(), 0))
    return ranges.copy(), repeated
