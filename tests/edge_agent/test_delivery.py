"""Where a report is on its way to the store, and which ones are sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.delivery import (
    FIRST_UNDER_WAY,
    LEAST_UNDER_WAY,
    LONGEST_OVERTAKEN_S,
    MENDED,
    MOST_UNDER_WAY,
    OVERTAKEN_S,
    RECENT_S,
    TORN,
    UNTOLD_S,
    WITHDRAWN_S,
    BacklogPace,
    Delivery,
)  # fmt: skip
from edge_agent.outbox import Outbox
from telemetry.ranges import Range, ranges_of
from telemetry.stored_reports import StoredReports
from tests.edge_agent.test_outbox import interval, seqs


def told(*ranges: Range, since: int = 1) -> StoredReports:
    return StoredReports(ranges, since)


def test_what_is_stored_is_no_longer_on_its_way() -> None:
    delivery = Delivery()
    delivery.acknowledge([1, 2, 3], 0.0)
    assert (delivery.acknowledged, delivery.stored) == ([(1, 3)], [])
    assert delivery.tell(told((1, 2)), 1.0) == []
    assert (delivery.acknowledged, delivery.stored, delivery.sent) == ([(3, 3)], [(1, 2)], [(1, 3)])


def test_what_is_overtaken_for_long_is_lost() -> None:
    delivery = Delivery()
    delivery.acknowledge([1, 2, 3], 0.0)
    delivery.acknowledge([4], OVERTAKEN_S - 1)
    assert delivery.tell(told((1, 1), (4, 4)), 20.0) == [], "another worker may have it still"
    delivery.acknowledge([5], OVERTAKEN_S + 1)
    assert delivery.tell(told((1, 1), (4, 5)), 21.0) == [(2, 3)]
    assert delivery.sent == [(1, 1), (4, 5)]


def test_silence_proves_nothing() -> None:
    """While ingest is away, what was sent waits in the broker, and is not sent there once more."""
    delivery = Delivery()
    delivery.acknowledge([1], 0.0)
    delivery.tell(told((1, 1)), 1.0)
    delivery.acknowledge(range(2, 100), 2.0)
    delivery.acknowledge(range(100, 200), 10_000.0)
    assert delivery.tell(told((1, 1)), 20_000.0) == []
    assert delivery.tell(told((1, 50)), 20_001.0) == [], "it is being caught up in order"
    assert delivery.tell(told((1, 50), (150, 199)), 20_002.0) == [(51, 99)]


def test_each_repetition_waits_twice_as_long() -> None:
    delivery, now, seq = Delivery(), 0.0, 10
    waits = []
    for _ in range(9):
        delivery.acknowledge([1], now)
        sent = now
        while True:
            now, seq = now + 1.0, seq + 1
            delivery.acknowledge([seq], now)
            if delivery.tell(told((10, seq)), now):
                waits.append(now - sent)
                break
    assert waits == [10, 20, 40, 80, 160, 320, 640, 640, 640]
    assert waits[-1] == LONGEST_OVERTAKEN_S


def test_a_store_restored_from_yesterdays_backup_gets_the_day_again() -> None:
    delivery = Delivery()
    delivery.acknowledge(range(1, 101), 0.0)
    delivery.tell(told((1, 100)), 1.0)
    assert delivery.tell(told((1, 40)), 50.0) == []
    assert delivery.acknowledged == [(41, 100)], "another worker may know more"
    delivery.acknowledge([101], 50.0 + WITHDRAWN_S)
    assert delivery.tell(told((1, 40), (101, 101)), 51.0 + WITHDRAWN_S) == [(41, 100)]


def test_workers_that_know_different_parts_withdraw_nothing() -> None:
    delivery = Delivery()
    delivery.acknowledge(range(1, 101), 0.0)
    now = 1.0
    for round_ in range(200):
        delivery.acknowledge([101 + round_], now)
        parts = ((1, 60),) if round_ % 2 else ((61, 101 + round_),)
        assert delivery.tell(told(*parts), now) == []
        now += 1.0


def test_short_gaps_hide_what_lies_before_the_ranges_that_are_told() -> None:
    delivery = Delivery()
    ranges = ((900, 990), (996, 1_000), (1_000 + MENDED + 1, 1_200), (1_200 + MENDED + 2, 1_400))
    delivery.tell(told(*ranges, since=900), 1.0)
    assert delivery.hiding == [(991, 995), (1_001, 1_000 + MENDED)], "the longest of them is what is not sent yet"
    delivery.tell(told(*ranges), 2.0)
    assert delivery.hiding == [], "nothing is hidden"


def test_what_hides_how_much_is_stored_is_sent_without_waiting_for_word_of_it(tmp_path: Path) -> None:
    """The word would never come: ingest tells the newest ranges alone, and the gaps between them waited behind the backlog that waited for the word."""
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([("m1", interval(minute)) for minute in range(300)])
    outbox.give_back()  # a connection after an outage
    assert seqs(outbox.take(1)) == [300]
    outbox.acknowledge([1, 2, 3, *range(251, 255), *range(257, 301)], 0.0)
    outbox.tell(StoredReports(((251, 254), (257, 300)), since=251), 1.0)
    assert seqs(outbox.take(10, of_backlog=0)) == [255, 256]
    outbox.give_back()
    assert seqs(outbox.take(10, of_backlog=3)) == [255, 256, 4, 5, 6]
    outbox.give_back()
    outbox.tell(StoredReports(((1, 2), (251, 254), (257, 300))), 2.0)
    assert seqs(outbox.take(3, of_backlog=3)) == [4, 5, 6], "nothing is hidden: oldest first"
    outbox.close()


def test_nothing_is_lost_of_which_nothing_is_said() -> None:
    delivery = Delivery()
    delivery.acknowledge([1, 2, 7], 0.0)
    delivery.acknowledge([9], 100.0)
    assert delivery.tell(told((9, 9), since=5), 101.0) == [(7, 7)]
    assert delivery.acknowledged == [(1, 2)]


@pytest.mark.parametrize(
    ("told_at", "acknowledged_at", "again"),
    [(95.0, 99.0, [(2, 2)]), (95.0, 100.0 - RECENT_S - 1, []), (100.0 - RECENT_S - 1, 99.0, [])],
)
def test_after_a_lost_connection_what_is_recent_is_sent_again(
    told_at: float, acknowledged_at: float, again: list[Range]
) -> None:
    delivery = Delivery()
    delivery.acknowledge([1], 0.0)
    delivery.acknowledge([2], acknowledged_at)
    delivery.tell(told((1, 1)), told_at)
    assert delivery.reconnect(100.0) == again


def test_it_outlives_a_restart() -> None:
    delivery = Delivery()
    delivery.acknowledge(range(1, 10), 0.0)
    delivery.tell(told((1, 5)), 1.0)
    again = Delivery.from_json(*delivery.to_json())
    assert (again.stored, again.acknowledged, again.told_at) == ([(1, 5)], [(6, 9)], None)
    again.acknowledge([10], 0.0)
    assert again.tell(told((1, 5), (10, 10)), 1.0) == [(6, 9)], "what an earlier run had sent is older than anything"


@dataclass
class World:
    """An agent, a broker that may lose what it has, and a store that may lose its newest part. Time passes by itself."""

    delivery: Delivery = field(default_factory=Delivery)
    now: float = 0.0
    last: int = 0
    broker: list[int] = field(default_factory=list)
    stored: set[int] = field(default_factory=set)

    def send(self) -> None:
        waiting = [seq for seq in range(1, self.last + 1) if seq not in as_set(self.delivery.sent)]
        self.broker += waiting
        self.delivery.acknowledge(waiting, self.now)

    def report(self, some: int) -> None:
        self.last += some
        self.send()

    def store(self, some: int) -> None:
        self.stored |= set(self.broker[:some])
        self.broker = self.broker[some:]
        self.delivery.tell(StoredReports.of(ranges_of(self.stored)), self.now)


def as_set(ranges: list[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(st.lists(st.tuples(st.sampled_from(["report", "store", "forget", "restore", "restart"]), st.integers(1, 30), st.floats(0, 40)), max_size=30))  # fmt: skip
def test_whatever_is_lost_everything_is_stored_in_the_end(steps: list[tuple[str, int, float]]) -> None:
    """As long as there are reports: each machine confirms its state every minute."""
    world = World()
    for what, some, seconds in steps:
        world.now += seconds
        if what == "report":
            world.report(some)
        elif what == "store":
            world.store(some)
        elif what == "forget":
            world.broker = world.broker[some:]
        elif what == "restore":
            world.stored = {seq for seq in world.stored if seq <= some}
        else:
            world.delivery = Delivery.from_json(*world.delivery.to_json())
    for _ in range(40):
        world.now += 60.0
        world.report(1)
        world.store(10_000)
        world.send()
    world.store(10_000)
    assert world.stored == set(range(1, world.last + 1))
    assert world.delivery.stored == ranges_of(world.stored)


def test_a_backlog_goes_as_fast_as_it_is_stored_in_one_piece() -> None:
    pace = BacklogPace()
    assert pace.room(0, 0.0) == FIRST_UNDER_WAY
    pace.acknowledge(0.0)
    assert pace.room(FIRST_UNDER_WAY, 1.0) == 0
    stored = 0
    for step in range(20):
        assert pace.room(10**7, 1.0 + step) == 0
        stored += pace.limit
        pace.tell(told((1, stored)), 1.0 + step)
    assert pace.room(0, 30.0) == MOST_UNDER_WAY


def test_a_backlog_goes_faster_only_once_all_that_was_sent_is_stored() -> None:
    """Several workers tell the same, one after the other; what was sent meanwhile may still be torn apart among them."""
    pace = BacklogPace()
    for first, stored in enumerate((FIRST_UNDER_WAY, FIRST_UNDER_WAY, FIRST_UNDER_WAY, 3 * FIRST_UNDER_WAY - 1)):
        assert pace.room(10**7, float(first)) == 0
        pace.tell(told((1, stored)), float(first))
        assert pace.room(0, float(first)) == 2 * FIRST_UNDER_WAY
    assert pace.room(10**7, 5.0) == 0
    pace.tell(told((1, 3 * FIRST_UNDER_WAY)), 5.0)
    assert pace.room(0, 5.0) == 4 * FIRST_UNDER_WAY


def test_what_one_worker_does_not_know_yet_is_not_stored_anew_when_another_tells_it() -> None:
    pace = BacklogPace()
    for now, stored in enumerate((5_000, 5_000 - FIRST_UNDER_WAY)):
        pace.tell(told((1, stored)), float(now))
    assert pace.room(FIRST_UNDER_WAY, 2.0) == 0
    pace.tell(told((1, 5_000)), 2.0)
    assert pace.room(0, 2.0) == FIRST_UNDER_WAY


def test_a_backlog_that_several_workers_tear_apart_goes_slowly() -> None:
    """Else their ledger would have more ranges than it has room for."""
    pace = BacklogPace()
    for step in range(10):
        pace.tell(told(*((10 * one + 1, 10 * one + 2) for one in range(TORN))), float(step))
    assert pace.room(0, 11.0) == LEAST_UNDER_WAY
    pace.tell(told((1, 90_000)), 11.5)
    assert pace.room(10**7, 11.5) == 0, "nothing waited, so nothing says that it could go faster"
    pace.tell(told((1, 100_000)), 12.0)
    assert pace.room(500, 12.0) == 2 * LEAST_UNDER_WAY - 500


def test_an_older_ingest_that_tells_nothing_is_not_waited_for() -> None:
    pace = BacklogPace()
    assert pace.room(10**6, 100.0) == 0, "nothing was sent yet"
    pace.acknowledge(100.0)
    assert pace.room(FIRST_UNDER_WAY, 100.0 + UNTOLD_S) == 0
    assert pace.room(10**6, 100.1 + UNTOLD_S) is None


def test_what_other_workers_do_not_know_yet_is_not_on_the_way() -> None:
    delivery = Delivery()
    delivery.acknowledge(range(1, 101), 0.0)
    assert delivery.on_the_way == 100
    delivery.tell(told((1, 60)), 1.0)
    delivery.tell(told((61, 100)), 2.0)
    assert delivery.on_the_way == 0
