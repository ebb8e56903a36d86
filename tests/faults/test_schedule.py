"""Schedules of faults: the same from the same seed, each possible, all kinds in turn."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.schedule import LENGTH_S, LONGEST_S, Fault, Setup, schedule, setup_of

SEEDS = st.integers(1, 10**6)


@given(SEEDS, st.booleans(), st.booleans())
def test_a_seed_is_one_schedule_that_can_be_played(seed: int, disks: bool, upgrade: bool) -> None:
    setup = setup_of(seed, disks=disks, upgrade=upgrade)
    events = schedule(seed, setup)
    assert events == schedule(seed, setup)
    assert 1 <= len(events) <= 6
    assert list(events) == sorted(events)
    for event in events:
        assert event.target in setup.targets(event.fault)
        assert 0 <= event.at <= LENGTH_S
        assert 0 < event.length <= LONGEST_S
        assert 0 <= event.by <= 1
    for one, other in combinations(events, 2):
        assert one.target != other.target or one.end < other.at or other.end < one.at


def test_a_thousand_seeds_have_every_fault_at_every_target() -> None:
    setups = {setup_of(seed) for seed in range(1, 1001)}
    assert {(one.store, one.database, one.protocol) for one in setups} == {
        (store, database, protocol)
        for store, database, protocol in (
            ("duckdb", "sqlite", "5"), ("duckdb", "sqlite", "3.1.1"), ("duckdb", "postgresql", "5"), ("duckdb", "postgresql", "3.1.1"),
            ("influxdb", "sqlite", "5"), ("influxdb", "postgresql", "5"),
        )
    }  # fmt: skip
    played = {(event.fault, event.target) for seed in range(1, 1001) for event in schedule(seed, setup_of(seed))}
    possible = {(fault, target) for setup in setups for fault in Fault for target in setup.targets(fault)}
    assert played == possible


def test_one_process_begins_as_the_version_before_and_is_upgraded_once() -> None:
    upgrades = [
        event
        for seed in range(1, 11)
        for event in schedule(seed, setup_of(seed, upgrade=True))
        if event.fault is Fault.UPGRADE
    ]
    assert len(upgrades) == 1
    assert {setup_of(seed, upgrade=True).before for seed in range(1, 1001)} == {
        *Setup("influxdb", "sqlite", "5").ours
    } - {"platform"}


def test_without_mounting_no_disk_is_filled() -> None:
    faults = {event.fault for seed in range(1, 300) for event in schedule(seed, setup_of(seed, disks=False))}
    assert faults == {*Fault} - {Fault.FULL_DISK, Fault.UPGRADE}
