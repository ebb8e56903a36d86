"""Following an edge node of Sparkplug B: whatever becomes of its messages on the way, nothing is known that it has not said last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sources.sparkplug_follower import (
    BIRTHS_WITHIN_S,
    GONE,
    INCOMPLETE,
    MAX_WAITING,
    NOT_BORN,
    UNREADABLE,
    Born,
    Changed,
    DeviceLost,
    Event,
    Message,
    NodeFollower,
    NodeLost,
)
from telemetry.sparkplug import BD_SEQ, DataType, Metric, Payload, Quality

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
NOW_MS = 1796025600000
S, ALIAS = "State", 7


def payload(*metrics: Metric, seq: int | None = 0, at_ms: int | None = NOW_MS, bd_seq: int | None = None) -> Payload:
    number = (Metric(BD_SEQ, bd_seq, at_ms, DataType.INT64),) if bd_seq is not None else ()
    return Payload(at_ms, (*number, *metrics), seq)


def state(value: int | None, alias: bool = False, **more: Any) -> Metric:
    named = ("", ALIAS) if alias else (S, None)
    return Metric(named[0], value, NOW_MS, more.pop("datatype", DataType.INT32), alias=named[1], **more)


def message(kind: str, what: Payload | None, device: str | None = None) -> Message:
    return Message(kind, device, what, NOW, hash((kind, device, what)))


def follower(**more: Any) -> NodeFollower:
    return NodeFollower({"d": [S]}, **more)


def born() -> NodeFollower:
    """With d in state 1, by a birth that names its alias; the next number is 2."""
    one = follower()
    one.hear(message("NBIRTH", payload(bd_seq=3)), 0.0)
    metric = Metric(S, 1, NOW_MS, DataType.INT32, alias=ALIAS)
    [event] = one.hear(message("DBIRTH", payload(metric, seq=1), "d"), 0.0)
    assert isinstance(event, Born)
    return one


def data(value: int | None, seq: int | None = 2, at_ms: int | None = NOW_MS + 1, **more: Any) -> Message:
    return message("DDATA", payload(state(value, **more), seq=seq, at_ms=at_ms), "d")


def values(events: list[Event]) -> list[Any]:
    return [one.value for event in events if isinstance(event, Born | Changed) for one in event.samples]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (state(5), 5),
        (state(5, alias=True), 5),
        (Metric("", 5, alias=ALIAS), 5),
        (Metric("", 2**32 - 5, alias=ALIAS), -5),
        (state(None), None),
        (state(5, quality=Quality.GOOD), 5),
        (state(5, quality=Quality.STALE), None),
        (state(5, quality=Quality.BAD), None),
    ],
)
def test_a_value_by_name_or_alias_with_the_type_of_its_birth(metric: Metric, value: int | None) -> None:
    one = born()
    assert values(one.hear(message("DDATA", payload(metric, seq=2, at_ms=NOW_MS + 1), "d"), 1.0)) == [value]


def test_what_a_birth_leaves_out_has_no_value() -> None:
    one = born()
    one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS + 1)), 1.0)
    assert values(one.hear(message("DBIRTH", payload(seq=1, at_ms=NOW_MS + 1), "d"), 1.0)) == [None]
    assert one.metrics["d"] == ()


@pytest.mark.parametrize(
    ("messages", "counted", "why"),
    [
        ([message("DDATA", None, "d")], "unreadable", UNREADABLE),
        ([message("NBIRTH", None)], "unreadable", UNREADABLE),
        ([message("NDEATH", None)], None, GONE),
        ([message("NDEATH", payload(bd_seq=3))], None, GONE),
        ([message("NDEATH", payload())], None, GONE),
        ([message("NDEATH", payload(bd_seq=4))], None, GONE),
        ([data(2, seq=None)], "gaps", INCOMPLETE),
        ([data(2, seq=9), data(3, seq=9)], "gaps", INCOMPLETE),
        ([data(2, at_ms=NOW_MS - 1)], "gaps", INCOMPLETE),
        ([data(place, seq=place) for place in range(9, 10 + MAX_WAITING)], "gaps", INCOMPLETE),
        ([message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS - 1))], "late_births", INCOMPLETE),
    ],
)
def test_what_ends_all_that_is_known(messages: list[Message], counted: str | None, why: str) -> None:
    """Until the next birth: nothing that comes before it counts."""
    one = born()
    events = [event for heard in messages for event in one.hear(heard, 1.0)]
    assert events == [NodeLost(why)]
    assert (one.alive, one.complete, one.knows("d")) == (False, False, False)
    assert one.hear(data(5, seq=3), 1.0) == []
    assert one.wants_birth
    assert [one.counted[name] for name in ([counted] if counted else [])] == ([1] if counted else [])
    one.hear(message("NBIRTH", payload(bd_seq=5, at_ms=NOW_MS + 5)), 9.0)
    assert values(one.hear(message("DBIRTH", payload(state(6), seq=1, at_ms=NOW_MS + 5), "d"), 9.0)) == [6]


def test_the_death_of_an_earlier_session_is_none() -> None:
    one = born()
    for number in (2, 0, 200):
        assert one.hear(message("NDEATH", payload(bd_seq=number)), 1.0) == []
    assert one.counted["deaths_of_earlier_sessions"] == 3
    assert one.knows("d")
    assert not one.wants_birth


def test_a_missing_message_is_waited_for_and_then_a_birth() -> None:
    one = born()
    assert one.hear(data(3, seq=3), 1.0) == []
    assert (one.alive, one.complete) == (True, False)
    assert values(one.hear(data(2, seq=2), 2.0)) == [2, 3], "in the order of their numbers"
    assert (one.alive, one.complete) == (True, True)
    assert one.hear(data(5, seq=5), 3.0) == one.tick(5.0) == []
    assert one.tick(5.1) == [NodeLost(INCOMPLETE)]
    assert one.wants_birth


def test_a_clock_that_was_set_back_is_no_late_message() -> None:
    one = born()
    assert values(one.hear(data(2, seq=2, at_ms=NOW_MS - 3_600_000), 1.0)) == [2], "an hour"
    assert values(one.hear(data(3, seq=3, at_ms=NOW_MS - 500), 20.0)) == [3], (
        "half a second, twenty seconds after the birth"
    )
    one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS - 400)), 30.0)
    assert one.alive


def test_a_repeated_message_is_heard_once() -> None:
    one = born()
    assert values(one.hear(data(2), 1.0)) == [2]
    assert one.hear(data(2), 1.0) == []
    assert one.counted["repeated"] == 1
    assert one.complete


def test_data_that_has_overtaken_its_birth_counts_after_it() -> None:
    one = follower()
    assert one.hear(data(2, seq=2), 0.0) == []
    assert one.hear(message("NBIRTH", payload(bd_seq=3)), 0.1) == []
    assert values(one.hear(message("DBIRTH", payload(state(1), seq=1), "d"), 0.2)) == [1, 2]
    older = follower()
    older.hear(data(2, seq=2, at_ms=NOW_MS - 1), 0.0)
    older.hear(message("NBIRTH", payload(bd_seq=3)), 0.1)
    assert values(older.hear(message("DBIRTH", payload(state(1), seq=1), "d"), 0.2)) == [1], "of an earlier session"
    long_ago = follower()
    long_ago.hear(replace(data(2, seq=2), received=NOW - timedelta(seconds=6)), 0.0)
    long_ago.hear(message("NBIRTH", payload(bd_seq=3)), 6.0)
    assert values(long_ago.hear(message("DBIRTH", payload(state(1), seq=1), "d"), 6.1)) == [1], "by another clock"


def test_a_birth_that_its_own_death_has_overtaken_does_not_raise_the_dead() -> None:
    one = born()
    one.hear(message("NDEATH", payload(bd_seq=3)), 10.0)
    assert one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS + 1)), 10.5) == []
    assert (one.alive, one.wants_birth) == (False, True)
    one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS + 2)), 15.0)
    assert one.alive, "it has answered"


def test_a_device_that_is_not_born_again_is_lost() -> None:
    one = born()
    assert one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS + 1)), 1.0) == []
    assert one.complete
    assert not one.knows("d")
    assert one.tick(1.0 + BIRTHS_WITHIN_S) == []
    assert one.tick(1.1 + BIRTHS_WITHIN_S) == [DeviceLost("d", NOT_BORN)]
    assert one.wants_birth, "its birth may have been lost"
    one.hear(message("NBIRTH", payload(bd_seq=3, at_ms=NOW_MS + 2)), 10.0)
    assert one.tick(11.0 + BIRTHS_WITHIN_S) == [DeviceLost("d", NOT_BORN)]
    assert not one.wants_birth, "it is asked once"


@pytest.mark.parametrize(("bd_seq", "again"), [(3, True), (4, False)])
def test_told_again_in_the_same_session_nothing_was_missed(bd_seq: int, again: bool) -> None:
    one = born()
    one.hear(message("NBIRTH", payload(bd_seq=bd_seq, at_ms=NOW_MS + 1)), 1.0)
    [event] = one.hear(message("DBIRTH", payload(state(1), seq=1, at_ms=NOW_MS + 1), "d"), 1.0)
    assert isinstance(event, Born)
    assert event.again is again


def test_an_alias_that_no_birth_has_told_is_counted_and_a_birth_is_wanted() -> None:
    one = born()
    assert one.hear(message("DDATA", payload(Metric("", 9, alias=99), seq=2, at_ms=NOW_MS + 1), "d"), 1.0) == []
    assert (one.counted["unknown_aliases"], one.wants_birth, one.knows("d")) == (1, True, True)


def test_of_other_devices_only_the_numbers_count() -> None:
    one = born()
    for seq, kind in ((2, "DBIRTH"), (3, "DDATA"), (4, "DDEATH")):
        assert one.hear(message(kind, payload(state(9), seq=seq, at_ms=NOW_MS + 1), "another"), 1.0) == []
    assert one.hear(message("NDATA", payload(state(9), seq=5, at_ms=NOW_MS + 1)), 1.0) == []
    assert values(one.hear(data(2, seq=6), 1.0)) == [2]


class Node:
    """An edge node with one device, which numbers its messages as the specification wants it. Each state is said once."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.said: list[int | None] = []
        """What the device was in when each message was sent; None: it is gone."""
        self.value, self.seq, self.bd_seq = 0, 0, 254
        self.is_on = self.has_device = True

    def _send(self, kind: str, *metrics: Metric, bd_seq: int | None = None, device: str | None = "d") -> Message:
        at_ms = NOW_MS + len(self.sent)
        is_death = kind == "NDEATH"
        what = payload(*metrics, seq=None if is_death else self.seq, at_ms=at_ms, bd_seq=bd_seq)
        self.sent.append(message(kind, what, device))
        self.said.append(None if is_death or kind == "DDEATH" or not self.has_device else self.value)
        self.seq = (self.seq + 1) % 256
        return self.sent[-1]

    def birth(self) -> list[Message]:
        self.seq = 0
        first = self._send("NBIRTH", bd_seq=self.bd_seq, device=None)
        self.said[-1] = None
        return [first, *([self._send("DBIRTH", state(self.value))] if self.has_device else [])]

    def step(self, what: str) -> list[Message]:
        if what == "node" and self.is_on:
            self.is_on = False
            return [self._send("NDEATH", bd_seq=self.bd_seq, device=None)]
        if what == "node":
            self.is_on, self.bd_seq, self.has_device = True, (self.bd_seq + 1) % 256, True
            self.value += 1
            return self.birth()
        if not self.is_on:
            return []
        if what == "birth":
            return self.birth()
        self.value += 1
        if what == "device":
            self.has_device = not self.has_device
            return [self._send("DBIRTH", state(self.value)) if self.has_device else self._send("DDEATH")]
        return [self._send("DDATA", state(self.value)) if self.has_device else self._send("NDATA", device=None)]


class Listener:
    """The follower, and the state that it has told last."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.follower = follower()
        self.told: Any = None
        self.newest = -1

    def hear(self, heard: Message, now: float) -> None:
        self.newest = max(self.newest, self.node.sent.index(heard))
        self._take(self.follower.hear(heard, now))

    def tick(self, now: float) -> None:
        self._take(self.follower.tick(now))

    def _take(self, events: list[Event]) -> None:
        self.told = next(reversed(values(events)), self.told)
        if self.follower.complete and self.follower.knows("d"):
            assert self.told == self.node.said[self.newest], "what it said last, as far as it was heard"


_FATES = st.sampled_from(["now"] * 6 + ["lost", "twice", "late", "very late"])
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["data"] * 5 + ["birth", "device", "node"]),
        st.lists(_FATES, min_size=2, max_size=2),
        st.sampled_from([0.0, 0.1, 1.0, 3.0, 8.0]),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(_STEPS)
def test_nothing_is_known_that_was_not_said_last(steps: list[tuple[str, list[str], float]]) -> None:
    """Messages that get lost, come twice, or come late. A death alone is never lost: the broker vouches for it. A birth that comes more than two
    seconds after the death of its session is taken for the node's return: many have the same number again."""
    node, now = Node(), 0.0
    listener = Listener(node)
    under_way: list[tuple[float, Message]] = [(0.0, one) for one in node.birth()]
    for what, fates, seconds in steps:
        for one, fate in zip(node.step(what), fates, strict=False):
            very_late = 1.5 if "BIRTH" in one.kind else 5.0
            delays = {
                "lost": [0.0] if one.kind == "NDEATH" else [],
                "twice": [0.0, 1.5],
                "late": [0.5],
                "very late": [very_late],
            }
            under_way += [(now + delay, one) for delay in delays.get(fate, [0.0])]
        for _, arrived in sorted((due for due in under_way if due[0] <= now), key=lambda due: due[0]):
            listener.hear(arrived, now)
        under_way = [due for due in under_way if due[0] > now]
        ends = now + seconds
        for due, arrived in sorted((one for one in under_way if one[0] <= ends), key=lambda one: one[0]):
            now = due
            listener.tick(now)
            listener.hear(arrived, now)
        under_way = [one for one in under_way if one[0] > ends]
        now = ends
        listener.tick(now)
    for _, arrived in under_way:
        listener.hear(arrived, now)
    # From here on nothing is lost, and the node answers: all is known again soon.
    for _ in range(6):
        now += 10.0
        listener.tick(now)
        for one in node.step("data") + (node.step("birth") if listener.follower.wants_birth else []):
            listener.hear(one, now)
    alive = node.is_on and node.has_device
    assert listener.follower.knows("d") is alive
    if alive:
        assert listener.told == node.value
