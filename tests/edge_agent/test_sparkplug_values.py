"""What the metrics of a machine mean: states, modes and power, since when, and what its node tells of the time when it was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_agent.configuration import AgentSettings
from edge_agent.interval_tracker import Observation
from edge_agent.outbox import Outbox
from edge_agent.power_state import NO_THRESHOLDS
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.source_time import SourceClock
from edge_agent.sources.sparkplug import SparkplugSource
from edge_agent.sources.sparkplug_follower import Born, Changed, DeviceLost, Event, Message, NodeLost, Sample
from edge_agent.sources.sparkplug_history import History
from edge_agent.sources.sparkplug_values import NodeValues
from edge_agent.sparkplug_discover import Heard, sparkplug_toml
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugMachine
from telemetry import MachineState, OperationMode, StateInterval, SystemClock, to_milliseconds
from telemetry.broker import BrokerSettings
from telemetry.message import interval_of_body
from telemetry.sparkplug import BD_SEQ, DataType, Metric, Payload, encode

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
RUN, WAIT, DOWN, OFF, UNKNOWN = (
    MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE, MachineState.NOT_AVAILABLE,
    MachineState.UNKNOWN,
)  # fmt: skip
TAGS = [
    {"metric": "Alarm", "states": {"true": "out_of_service"}},
    {"metric": "Run", "states": {"1": "executing", "0": "not_executing"}},
    {"metric": "Mode", "modes": {"2": "setup"}},
]
LEVELS = {"off_below_w": 100, "idle_below_w": 1500, "working_from_w": 2500}


def machine(**more: Any) -> SparkplugMachine:
    return SparkplugMachine.validated({"id": "m1", "group": "g", "node": "n", "device": "d", "tag": TAGS} | more)


def meter(**more: Any) -> SparkplugMachine:
    return machine(tag=[], power="P", power_unit="kW", thresholds=LEVELS, report_power=True, **more)


def samples(at: datetime | None, **values: Any) -> tuple[Sample, ...]:
    return tuple(Sample(name, value, at) for name, value in values.items())


def born(at: datetime | None = NOW, again: bool = False, received: datetime = NOW, **values: Any) -> Born:
    return Born("d", samples(at, **values), received, received, again)


def changed(at: datetime | None, received: datetime | None = None, **values: Any) -> Changed:
    arrived = received or at or NOW
    return Changed("d", samples(at, **values), arrived, arrived)


def observed(values: NodeValues, *events: Event) -> list[Observation]:
    return [seen for event in events for _, seen in values.take(event)]


@pytest.mark.parametrize(
    ("values", "state", "mode"),
    [
        ({"Alarm": False, "Run": 1, "Mode": 2}, RUN, OperationMode.SETUP),
        ({"Alarm": True, "Run": 1, "Mode": 2}, DOWN, OperationMode.SETUP),
        ({"Alarm": False, "Run": 0.0, "Mode": 9}, WAIT, None),
        ({"Alarm": None, "Run": 1, "Mode": 2}, UNKNOWN, OperationMode.SETUP),
        ({"Alarm": False, "Run": 7, "Mode": 2}, UNKNOWN, OperationMode.SETUP),
        ({"Alarm": False, "Run": None, "Mode": None}, UNKNOWN, None),
    ],
)
def test_state_and_mode_of_a_birth(values: dict[str, Any], state: MachineState, mode: OperationMode | None) -> None:
    [seen] = observed(NodeValues([machine()], SourceClock()), born(**values))
    assert (seen.state, seen.mode, seen.continuous) == (state, mode, False)
    assert (seen.reason is None) == (state is not UNKNOWN)


def test_a_birth_says_since_when_by_the_newest_metric_that_makes_the_state() -> None:
    values = NodeValues([machine(power="P", report_power=True)], SourceClock())
    told = samples(NOW - 2 * HOUR, Alarm=False, Mode=2) + samples(NOW - HOUR, Run=1) + samples(NOW, P=4000.0)
    [seen] = observed(values, Born("d", told, NOW, NOW, False))
    assert (seen.since, seen.at, seen.power_w) == (NOW - HOUR, NOW, 4000.0)


def test_values_that_change_together_are_one_change() -> None:
    values = NodeValues([machine()], SourceClock())
    observed(values, born(Alarm=False, Run=1, Mode=0))
    both = observed(values, changed(NOW + SECOND, Run=0, Mode=2))
    assert [(one.state, one.mode, one.since, one.continuous) for one in both] == [
        (WAIT, OperationMode.SETUP, NOW + SECOND, True)
    ]
    assert observed(values, changed(NOW + 2 * SECOND, Run=0)) == [], "what is told again is no change"
    apart = Changed("d", samples(NOW + 3 * SECOND, Run=1) + samples(NOW + 4 * SECOND, Run=0), None, NOW + 5 * SECOND)
    assert [(one.state, one.since) for one in observed(values, apart)] == [
        (RUN, NOW + 3 * SECOND), (WAIT, NOW + 4 * SECOND),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("power", "states"),
    [
        ([0.05, 1.0, 2.0, 3.0, 2.0, 1.0], [OFF, WAIT, WAIT, RUN, RUN, WAIT]),
        ([3.0, None, 2.0], [RUN, UNKNOWN, WAIT]),
        ([3.0, float("nan"), "x", True], [RUN, UNKNOWN, UNKNOWN, UNKNOWN]),
        ([3.0, 1e306, 3.0], [RUN, UNKNOWN, RUN]),
    ],
)
def test_power_in_kilowatts_with_hysteresis(power: list[Any], states: list[MachineState]) -> None:
    values = NodeValues([meter()], SourceClock())
    first, *others = power
    seen = observed(values, born(P=first), *(changed(NOW + n * SECOND, P=one) for n, one in enumerate(others, 1)))
    assert [one.state for one in seen] == states
    assert seen[0].power_w == pytest.approx(first * 1000)


def test_power_without_thresholds_is_no_state_yet() -> None:
    [seen] = observed(NodeValues([machine(tag=[], power="P", report_power=True)], SourceClock()), born(P=1200.0))
    assert (seen.state, seen.reason, seen.power_w) == (UNKNOWN, NO_THRESHOLDS, 1200.0)


def test_a_short_change_does_not_count() -> None:
    values = NodeValues([meter(dwell={"executing": "5s"})], SourceClock())
    seen = observed(values, born(P=1.0), changed(NOW + SECOND, P=3.0), changed(NOW + 3 * SECOND, P=1.0))
    assert [one.state for one in seen] == [WAIT, WAIT, WAIT]
    observed(values, changed(NOW + 10 * SECOND, P=3.0))
    [(_, lasting)] = values.confirm(NOW + 20 * SECOND, ["d"])
    assert (lasting.state, lasting.since, lasting.at) == (RUN, NOW + 10 * SECOND, NOW + 20 * SECOND)


@pytest.mark.parametrize("lost", [NodeLost("gone"), DeviceLost("d", "gone")])
def test_what_is_lost_is_forgotten(lost: Event) -> None:
    values = NodeValues([machine()], SourceClock())
    observed(values, born(Alarm=False, Run=1, Mode=0), lost)
    assert values.confirm(NOW + SECOND, ["d"]) == []
    [seen] = observed(values, born(Alarm=False, Run=1, Mode=0))
    assert not seen.continuous


def test_only_machines_of_known_devices_are_confirmed() -> None:
    values = NodeValues([machine(), machine(id="m2", device="e")], SourceClock())
    observed(values, born(Alarm=False, Run=1, Mode=0))
    observed(values, Born("e", samples(NOW, Alarm=False, Run=1, Mode=0), NOW, NOW, False))
    assert [name for name, _ in values.confirm(NOW + SECOND, ["e"])] == ["m2"]


def test_a_clock_that_is_a_day_behind_is_corrected_and_a_late_change_is_of_now() -> None:
    clock = SourceClock()
    for seconds in (0, 5):
        at = NOW + seconds * SECOND
        clock.compare(at - 24 * HOUR, at, at)
    values = NodeValues([machine()], clock)
    later = NOW + 10 * SECOND
    [first] = observed(values, born(later - 25 * HOUR, received=later, Alarm=False, Run=1, Mode=0))
    assert first.since == later - HOUR
    values.confirm(later, ["d"])
    [seen] = observed(values, changed(later - 25 * HOUR, received=later + SECOND, Run=0))
    assert seen.since == later + SECOND, "not before what was confirmed"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def told(*values: tuple[float, Any]) -> list[tuple[datetime, Sample]]:
    return [(at(minutes), Sample("Run", value, at(minutes), True)) for minutes, value in values]


def away(present: MachineState = WAIT) -> History:
    """Known until 0, and again in `present` since 60."""
    history = History(machine())
    history.lose(StateInterval(RUN, at(-60), at(0)), {"Alarm": False, "Run": 1, "Mode": 0})
    history.find(StateInterval(present, at(60), at(61)))
    return history


@pytest.mark.parametrize(
    ("values", "intervals", "outside"),
    [
        ([(10, 0), (20, 1), (30, 0)], [(WAIT, 10, 20), (RUN, 20, 30), (WAIT, 30, 60)], 0),
        ([(10, 0), (20, 1)], [(WAIT, 10, 20)], 0),
        ([(20, 1), (10, 0), (25, 1)], [(WAIT, 10, 20), (RUN, 20, 25)], 0),
        ([(-1, 0), (10, 0), (60, 1), (61, 1)], [(WAIT, 10, 60)], 3),
        ([(10, 9), (20, 0)], [(WAIT, 20, 60)], 0),
        ([], [], 0),
    ],
)
def test_history_fills_the_time_of_which_nothing_is_known(
    values: list[tuple[float, Any]], intervals: list[tuple[MachineState, float, float]], outside: int
) -> None:
    found, refused = away().fill(told(*values))
    assert [(one.state, one.since, one.until) for one in found] == [
        (state, at(begin), at(end)) for state, begin, end in intervals
    ]
    assert refused == outside


def test_history_that_comes_in_parts_and_none_without_an_absence() -> None:
    history = away()
    history.fill(told((10, 0), (20, 1)))
    found, refused = history.fill(told((15, 0), (30, 0)))
    assert [(one.since, one.until) for one in found] == [(at(30), at(60))]
    assert refused == 1
    assert History(machine()).fill(told((10, 0))) == ([], 1)


class Edge:
    """A source without a broker, and the messages of its node at moments of the past, in seconds from now."""

    def __init__(self, writer: ReportWriter) -> None:
        self.writer = writer
        self.now = SystemClock().now()
        table = SparkplugInput(machine=(machine(tag=[TAGS[1]]),), keep_alive=30 * SECOND)
        self.source = SparkplugSource(table, BrokerSettings(), "host-f-gw", writer, SystemClock())
        self.source.connected = True
        self.node = self.source.nodes["g", "n"]
        self._numbers = iter(range(1000))
        self.shift = timedelta(0)
        """How far the clock of the node is ahead."""

    def hear(
        self, seconds: float, kind: str, *metrics: Metric, seq: int | None = None, bd_seq: int | None = None
    ) -> None:
        at = self.now + seconds * SECOND
        number = (Metric(BD_SEQ, bd_seq, datatype=DataType.INT64),) if bd_seq is not None else ()
        payload = Payload(round((at + self.shift).timestamp() * 1000), (*number, *metrics), seq)
        device = "d" if kind[0] == "D" else None
        self.source._hear(self.node, Message(kind, device, payload, at, next(self._numbers)))

    def run(self, value: int, seconds: float, **more: Any) -> Metric:
        at = self.now + self.shift + seconds * SECOND
        return Metric("Run", value, round(at.timestamp() * 1000), DataType.INT32, **more)

    def confirm(self, seconds: float) -> float:
        """The broker has answered so many seconds from now: up to when the machine is confirmed."""
        self.source._passed_on = self.now + seconds * SECOND
        self.source.confirm()
        return self.until

    @property
    def reported(self) -> StateInterval:
        found = self.writer.reported("m1")
        assert found is not None
        return found

    @property
    def since(self) -> float:
        return round((self.reported.since - self.now).total_seconds())

    @property
    def until(self) -> float:
        return round((self.reported.until - self.now).total_seconds())


async def test_silence_confirms_as_much_as_a_dead_node_could_not_have_hidden(writer: ReportWriter) -> None:
    edge = Edge(writer)
    edge.hear(-200, "NBIRTH", seq=0, bd_seq=1)
    edge.hear(-200, "DBIRTH", edge.run(1, -300), seq=1)
    assert edge.confirm(-190) == -200, "its last message"
    assert edge.confirm(-100) == -145, "one and a half times its keep-alive before the broker answered"
    edge.hear(-90, "DDATA", edge.run(1, -90), seq=2)
    assert edge.confirm(-80) == -90
    edge.hear(-70, "DDATA", edge.run(1, -70), seq=4)
    assert edge.confirm(-20) == -90, "nothing while a message is missing"
    edge.hear(-15, "NDEATH", bd_seq=1)
    assert (edge.reported.state, edge.reported.reason) == (UNKNOWN, "no contact")
    assert edge.reported.since >= to_milliseconds(edge.now)
    before = edge.reported
    edge.node.stay_lost()
    assert edge.reported.since == before.since
    assert edge.reported.until >= before.until


async def test_a_node_whose_clock_is_a_day_behind(writer: ReportWriter, caplog: pytest.LogCaptureFixture) -> None:
    """Its first message alone does not say whether the clock runs; from the second on its times are corrected."""
    edge = Edge(writer)
    edge.shift = -24 * HOUR
    edge.hear(-100, "NBIRTH", seq=0, bd_seq=1)
    edge.hear(-100, "DBIRTH", edge.run(1, -200), seq=1)
    assert edge.since == -100
    edge.hear(-90, "DDATA", edge.run(0, -91), seq=2)
    assert (edge.reported.state, edge.since) == (WAIT, -91)
    edge.source._say(edge.node, 0.0)
    assert "Sparkplug node g/n: its clock is 1 day behind; its times are corrected" in caplog.text


async def test_history_is_reported_and_the_present_state_stays_the_newest(writer: ReportWriter) -> None:
    edge = Edge(writer)
    edge.hear(-100, "NBIRTH", seq=0, bd_seq=1)
    edge.hear(-100, "DBIRTH", edge.run(1, -200), seq=1)
    assert edge.confirm(-90) == -100
    edge.node.histories["m1"].lose(edge.reported, {"Run": 1})
    writer.reset(["m1"])  # as if nothing had been said since: time cannot be waited for here
    edge.node.begin()
    edge.hear(-10, "NBIRTH", seq=0, bd_seq=2)
    edge.hear(-10, "DBIRTH", edge.run(0, -10), seq=1)
    assert edge.reported.state is WAIT
    past = [edge.run(value, at, is_historical=True) for value, at in ((0, -150), (0, -80), (1, -60), (0, -30))]
    edge.hear(-9, "DDATA", *past, seq=2)
    assert edge.node.counted["old_history"] == 1
    await writer.flushed()
    outbox: Outbox = writer._outbox
    assert outbox.last_reports()["m1"].state is WAIT
    reports = [interval_of_body(one.body) for one in outbox.take(100)]
    shown = [
        (one.state, round((one.since - edge.now).total_seconds()), round((one.until - edge.now).total_seconds()))
        for one in reports
    ]
    assert shown[-4:] == [(WAIT, -80, -60), (RUN, -60, -30), (WAIT, -30, -10), (WAIT, -10, -10)]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"tag": []}, "add a \\[\\[sparkplug_input.machine.tag\\]\\] with `states`"),
        ({"tag": [TAGS[2]]}, "with `states`"),
        ({"report_power": True}, "need `power`"),
        ({"power": "P", "thresholds": LEVELS}, "either that of its tags or that of its power"),
        ({"node": "a/b"}, "without `/`"),
        ({"power_unit": "MW"}, "'W' or 'kW'"),
    ],
)
def test_a_machine_that_cannot_work_is_refused(more: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        machine(**more)


@pytest.mark.parametrize(
    ("inputs", "more", "what"),
    [
        ([{}, {}], {}, "below one"),
        ([{"mqtt": {"url": "mqtt://h", "username": "u"}}], {}, r"\[sparkplug_input.mqtt\] needs a `password_file`"),
        ([{}], {"sparkplug": {"group": "g", "node": "n"}}, "is this agent itself"),
    ],
)
def test_inputs_that_cannot_work_are_refused(inputs: list[dict[str, Any]], more: dict[str, Any], what: str) -> None:
    tables = [{"machine": [machine(id=f"m{place}")]} | one for place, one in enumerate(inputs)]
    with pytest.raises(ValueError, match=what):
        AgentSettings.validated({"agent": {"factory": "f", "gateway": "gw"}, "sparkplug_input": tables} | more)


def test_discover_without_a_known_vocabulary_prints_comments_alone() -> None:
    """Whoever may publish writes no line of the configuration."""
    heard = Heard()
    metrics = (
        Metric("Temperature\n[x]", 200.0, datatype=DataType.DOUBLE),
        Metric("Run", "a\nb = 1", datatype=DataType.STRING),
    )
    heard.hear("spBv1.0/g/DBIRTH/n/d", encode(Payload(1, metrics, 1)))
    heard.hear("spBv1.0/g/DDATA/other/d", encode(Payload(1, metrics, 1)))
    heard.hear("spBv1.0/g/DDATA/n/\u0085d", encode(Payload(1, metrics, 1)))
    heard.hear("spBv1.0/g/DDATA/n/d", b"x")
    printed = sparkplug_toml(BrokerSettings(), heard)
    assert all(line.startswith("#") or not line for line in printed.splitlines()), printed
    assert "g/other publishes, and has not told its birth" in printed
    assert "2 messages could not be read" in printed
    assert '# device = "d"' in printed
