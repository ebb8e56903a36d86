"""Which gateways are told what is stored, and when."""

from __future__ import annotations

from collections.abc import Collection

from ingest.confirmations import AT_ONCE, BUSY_EVERY_S, BUSY_LOOKS, EVERY_S, REFRESHED_S, Confirmations
from stores.ledger import Gateway
from telemetry.ranges import Range
from telemetry.stored_reports import decode_stored
from telemetry.topics import stored_topic

GENK = ("hal-2", "gw-1")


class Store:
    def __init__(self) -> None:
        self.held: dict[Gateway, list[Range]] = {}

    def ranges(self, gateways: Collection[Gateway]) -> dict[Gateway, list[Range]]:
        return {gateway: self.held.get(gateway, []) for gateway in gateways}


def told(confirmations: Confirmations, now: float, *, at_last: bool = False) -> dict[str, tuple[Range, ...]]:
    return {topic: decode_stored(payload).ranges for topic, payload in confirmations.due(now, at_last=at_last)}


def test_a_gateway_is_told_at_a_bounded_rate_and_at_last() -> None:
    store = Store()
    confirmations = Confirmations(store.ranges)
    assert told(confirmations, 0.0) == {}
    store.held[GENK] = [(1, 10)]
    confirmations.changed([GENK])
    assert told(confirmations, 100.0) == {"vrijloop/v1/hal-2/gw-1/stored": ((1, 10),)}
    store.held[GENK] = [(1, 20)]
    confirmations.changed([GENK])
    assert told(confirmations, 100.0 + EVERY_S / 2) == {}
    assert told(confirmations, 100.0 + EVERY_S) == {stored_topic(*GENK): ((1, 20),)}
    store.held[GENK] = [(1, 21)]
    confirmations.changed([GENK])
    assert told(confirmations, 100.1 + EVERY_S, at_last=True) == {stored_topic(*GENK): ((1, 21),)}


def test_a_gateway_with_a_backlog_is_told_sooner() -> None:
    store = Store()
    confirmations = Confirmations(store.ranges)
    for step, now in enumerate((100.0, 100.0 + BUSY_EVERY_S, 100.0 + 2 * BUSY_EVERY_S)):
        store.held[GENK] = [(1, 1_000 * (step + 1))]
        confirmations.changed([GENK], busy=True)
        assert len(told(confirmations, now)) == 1


def test_a_gateway_with_a_backlog_soon_learns_what_other_workers_have_stored_of_it() -> None:
    """It sends no more before; the parts are stored by several workers, each of which knows of the others' a little later."""
    store = Store()
    confirmations = Confirmations(store.ranges)
    store.held[GENK] = [(1, 10), (21, 30)]
    confirmations.changed([GENK], busy=True)
    assert len(told(confirmations, 100.0)) == 1
    step = 1.1 * BUSY_EVERY_S
    assert told(confirmations, 100.0 + step) == {}, "nothing new"
    store.held[GENK] = [(1, 40)]
    assert told(confirmations, 100.0 + 1.5 * step) == {}
    assert told(confirmations, 100.0 + 2 * step) == {stored_topic(*GENK): ((1, 40),)}
    for look in range(3, BUSY_LOOKS):
        assert told(confirmations, 100.0 + look * step) == {}
    store.held[GENK] = [(1, 50)]
    assert told(confirmations, 100.0 + BUSY_LOOKS * step) == {}, "the backlog is over"


def test_what_other_workers_have_stored_is_told_too() -> None:
    store = Store()
    confirmations = Confirmations(store.ranges)
    store.held[GENK] = [(1, 10)]
    confirmations.changed([GENK])
    assert len(told(confirmations, 100.0)) == 1
    assert told(confirmations, 100.0 + REFRESHED_S) == {}, "nothing new"
    store.held[GENK] = [(1, 30)]
    assert told(confirmations, 100.0 + 2 * REFRESHED_S) == {stored_topic(*GENK): ((1, 30),)}


def test_after_a_new_connection_all_are_told_again() -> None:
    store = Store()
    confirmations = Confirmations(store.ranges)
    store.held = {GENK: [(1, 10)], ("hal-3", "gw-9"): [(4, 5)]}
    confirmations.changed([GENK])
    assert len(told(confirmations, 100.0)) == 1
    confirmations.forgotten([("hal-3", "gw-9")])
    assert len(told(confirmations, 100.0 + EVERY_S)) == 2


def test_a_thousand_gateways_do_not_delay_reports() -> None:
    confirmations = Confirmations(Store().ranges)
    confirmations.changed(("hal-2", f"gw-{number}") for number in range(1_000))
    found: set[str] = set()
    for step in range(10):
        part = told(confirmations, 100.0 + 0.1 * step)
        assert len(part) <= AT_ONCE
        found |= part.keys()
    assert len(found) == 1_000


def test_what_is_in_quarantine_counts_as_durable() -> None:
    store = Store()
    confirmations = Confirmations(store.ranges)
    store.held[GENK] = [(1, 3), (5, 9)]
    confirmations.quarantined(GENK, [4])
    assert told(confirmations, 100.0) == {stored_topic(*GENK): ((1, 9),)}
