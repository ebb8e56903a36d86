"""The contract of every store: idempotent writes, exact reads, a correct ledger."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores import ReportBatch, StateStore, StoredReport, StoreUnavailableError
from stores.duckdb_queries import INTERVAL_TABLE, RECENT_TABLE
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from stores.sequences import MAX_RANGES
from telemetry import MachineState, OperationMode, StateInterval, UserError
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database

T0 = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = ["machine", "since", "until", "state", "mode"]
_numbers = itertools.count()

OpenStore = Callable[[], StateStore]


@pytest.fixture(params=["duckdb", "duckdb-always-merging", "influxdb"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store repeatedly, as a restarted process does."""
    opened: list[StateStore] = []
    name = f"contract_{next(_numbers)}"
    if request.param == "influxdb":
        url = request.getfixturevalue("influx_url")
        create_influx_database(url, name)

    def open_it() -> StateStore:
        for store in opened:
            store.close()
        opened.clear()
        if request.param != "influxdb":
            rows = 1 if request.param == "duckdb-always-merging" else 1000
            opened.append(DuckDBStateStore(tmp_path / "states.duckdb", compact_rows=rows))
        else:
            opened.append(InfluxDBStateStore(url, name, INFLUX_TOKEN, INFLUX_ORG))
        return opened[0]

    yield open_it
    for store in opened:
        store.close()


def report(
    seq: int,
    since: float,
    until: float,
    state: MachineState = MachineState.EXECUTING,
    machine: str = "m1",
    gateway: str = "gw-1",
    **more: object,
) -> StoredReport:
    """Times in minutes after T0."""
    interval = StateInterval(
        state,
        T0 + timedelta(minutes=since),
        T0 + timedelta(minutes=until),
        **more,  # type: ignore[arg-type]
    )
    return StoredReport("genk", machine, gateway, seq, interval)


def rows(
    store: StateStore, start: float = -1e4, end: float = 1e4, machines: list[str] | None = None
) -> list[tuple[object, ...]]:
    frame = store.intervals("genk", T0 + timedelta(minutes=start), T0 + timedelta(minutes=end), machines)
    minutes = [(frame[name] - pd.Timestamp(T0)).dt.total_seconds() / 60 for name in ("since", "until")]
    return list(zip(frame["machine"], *minutes, frame["state"], strict=True))


def spans(frame: pd.DataFrame) -> set[tuple[str, float, float]]:
    """Machine, since and until, in minutes after T0."""
    minutes = [((frame[name] - pd.Timestamp(T0)).dt.total_seconds() / 60).tolist() for name in ("since", "until")]
    return set(zip(frame["machine"].tolist(), *minutes, strict=True))


def test_heartbeats_make_one_row_with_the_latest_until(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 1), report(2, 0, 5)]))
    store.write(ReportBatch.of([report(3, 0, 9), report(4, 9, 10, MachineState.NOT_EXECUTING)]))
    assert rows(store) == [("m1", 0, 9, "executing"), ("m1", 9, 10, "not_executing")]


@pytest.mark.long
def test_any_order_repetition_and_splitting_gives_the_same_rows(open_store: OpenStore) -> None:
    reports = [report(1, 0, 1), report(2, 0, 5), report(3, 5, 5, MachineState.NOT_EXECUTING), report(4, 5, 8)]
    reports += [
        report(5, 8, 9, MachineState.OUT_OF_SERVICE, "m2"),
        report(6, 9, 9, machine="m2"),
        report(7, 9, 12, machine="m2"),
    ]
    expected = [
        ("m1", 0, 5, "executing"),
        ("m1", 5, 8, "executing"),
        ("m2", 8, 9, "out_of_service"),
        ("m2", 9, 12, "executing"),
    ]
    chance = random.Random(7)
    store = open_store()
    for _ in range(6):
        shuffled = chance.sample(reports * 2, len(reports) * 2)
        while shuffled:
            size = chance.randint(1, 5)
            store.write(ReportBatch.of(shuffled[:size]))
            del shuffled[:size]
        assert rows(store) == expected
    ledger = store.ledger()[0]
    assert (ledger.stored, ledger.missing) == (7, 0)


@pytest.mark.long
def test_any_permutation_duplication_and_splitting_gives_the_same_rows(open_store: OpenStore) -> None:
    """What is stored depends only on the set of reports, not on order, repetition or batches."""
    store = open_store()
    numbers = itertools.count()

    @settings(max_examples=25)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        machine = f"law-{next(numbers)}"
        shape = st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from(list(MachineState)))
        stream = [
            report(seq + 1, since, since + length, state, machine)
            for seq, (since, length, state) in enumerate(data.draw(st.lists(shape, min_size=1, max_size=12)))
        ]
        expected: dict[float, StoredReport] = {}
        for one in stream:
            since = (one.interval.since - T0).total_seconds() / 60
            held = expected.get(since)
            if held is None or (one.interval.until, one.seq) > (held.interval.until, held.seq):
                expected[since] = one
        arriving = data.draw(st.permutations(stream + data.draw(st.lists(st.sampled_from(stream), max_size=6))))
        while arriving:
            size = data.draw(st.integers(1, len(arriving)))
            store.write(ReportBatch.of(arriving[:size]))
            arriving = arriving[size:]
        assert rows(store, machines=[machine]) == [
            (machine, since, (one.interval.until - T0).total_seconds() / 60, one.interval.state.value)
            for since, one in sorted(expected.items())
        ]

    law()


def test_an_older_report_that_arrives_after_a_restart_changes_nothing(open_store: OpenStore) -> None:
    open_store().write(ReportBatch.of([report(2, 0, 5, MachineState.NOT_EXECUTING)]))
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 1, MachineState.EXECUTING)]))
    assert rows(store) == [("m1", 0, 5, "not_executing")]


def test_reads_return_only_intervals_that_touch_the_range(open_store: OpenStore) -> None:
    store = open_store()
    store.write(
        ReportBatch.of([report(1, 0, 10), report(2, 10, 20), report(3, 20, 30), report(4, 5, 15, machine="m2")])
    )
    assert rows(store, 12, 18) == [("m1", 10, 20, "executing"), ("m2", 5, 15, "executing")]
    assert rows(store, 12, 18, ["m1"]) == [("m1", 10, 20, "executing")]
    assert rows(store, 12, 18, []) == []
    assert rows(store, 100, 200) == []
    other = store.intervals("hasselt", T0, T0 + timedelta(days=1))
    assert list(other.columns) == COLUMNS
    assert len(other) == 0
    assert str(other["since"].dtype).startswith("datetime64[")
    assert str(other["since"].dtype).endswith("UTC]")


def test_power_is_read_where_it_is_asked_for(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 5, power_w=12.5), report(2, 5, 9), report(3, 9, 12, power_w=7.0)]))
    end = T0 + timedelta(days=1)
    assert store.intervals("genk", T0, end, power=True)["power_w"].fillna(-1).tolist() == [12.5, -1, 7.0]
    assert store.intervals("genk", T0 + timedelta(minutes=10), end, power=True)["power_w"].tolist() == [7.0]
    assert "power_w" not in store.intervals("genk", T0, end)


def test_the_latest_state_of_each_machine(open_store: OpenStore) -> None:
    store = open_store()
    store.write(
        ReportBatch.of(
            [report(1, 0, 10), report(2, 10, 20, MachineState.NOT_EXECUTING, mode=OperationMode.SETUP, reason="r")]
        )
    )
    store.write(ReportBatch.of([report(3, 3, 4, MachineState.UNKNOWN, "m2", power_w=12.5)]))
    latest = {one.machine: one.interval for one in store.latest("genk")}
    assert latest["m1"] == report(2, 10, 20, MachineState.NOT_EXECUTING, mode=OperationMode.SETUP, reason="r").interval
    assert latest["m2"] == report(3, 3, 4, MachineState.UNKNOWN, power_w=12.5).interval
    assert store.latest("hasselt") == []


def test_the_ledger_survives_a_restart_and_shows_what_is_missing(open_store: OpenStore) -> None:
    open_store().write(
        ReportBatch.of([report(1, 0, 1), report(2, 0, 2), report(5, 0, 5), report(1, 0, 1, gateway="gw-2")])
    )
    store = open_store()
    store.write(ReportBatch.of([report(5, 0, 5), report(6, 0, 6)]))
    first, second = store.ledger()
    assert (first.gateway, first.stored, first.missing, first.gaps, first.repeated) == ("gw-1", 4, 2, ((3, 4),), 1)
    assert (second.gateway, second.stored, second.missing) == ("gw-2", 1, 0)
    store.write(ReportBatch.of([report(3, 0, 3), report(4, 0, 4)]))
    assert store.ledger()[0].missing == 0


def test_machines_are_in_order_and_categories_are_those_that_occur(open_store: OpenStore) -> None:
    store = open_store()
    for begin, machine in ((20, "m2"), (0, "m3"), (10, "m10"), (0, "m2")):
        store.write(ReportBatch.of([report(begin + 1, begin, begin + 5, machine=machine)]))
        if isinstance(store, DuckDBStateStore):
            store.compact()
    assert [(machine, since) for machine, since, *_ in rows(store)] == [("m10", 10), ("m2", 0), ("m2", 20), ("m3", 0)]
    frame = store.intervals("genk", T0 + timedelta(minutes=15), T0 + timedelta(hours=1), ["m2", "m10", "m2", "nobody"])
    assert list(frame["machine"].cat.categories) == list(frame["machine"]) == ["m10", "m2"]
    assert store.intervals("genk", T0, T0 + timedelta(hours=1), []).empty


def test_an_interval_ended_by_a_newer_one_is_not_in_a_later_range(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 100), report(2, 10, 20, MachineState.NOT_EXECUTING)]))
    assert rows(store, 50, 60) == []
    assert rows(store, 15, 60) == [("m1", 10, 20, "not_executing")]
    assert rows(store, 5, 60) == [("m1", 0, 100, "executing"), ("m1", 10, 20, "not_executing")]


def test_only_what_is_new_comes_after_a_cursor(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 10), report(2, 10, 20), report(3, 0, 5, machine="m2")]))
    cursor = store.cursor()
    frame, following = store.changed_since("genk", "0")
    assert len(frame) == 3
    store.write(ReportBatch.of([report(4, 10, 30), report(5, 30, 31)]))
    store = open_store()
    frame, _ = store.changed_since("genk", following)
    assert {("m1", 10, 30), ("m1", 30, 31)} <= spans(frame)
    # A late report of long ago is new too.
    store.write(ReportBatch.of([report(6, -9, -8, machine="m2")]))
    frame, _ = store.changed_since("genk", following)
    assert ("m2", -9, -8) in spans(frame)
    assert store.changed_since("hasselt", cursor)[0].empty
    assert int(following) >= int(cursor)


def test_records_are_exported_and_imported_into_another_store(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    first = report(1, 0, 10, mode=OperationMode.SETUP, reason='a "reason", \\ with éverything', power_w=3.5)
    store.write(ReportBatch.of([first, report(2, 10, 20), report(3, 0, 5, machine="m2"), report(9, 20, 21)]))
    records = store.records("genk", T0, T0 + timedelta(days=1), ["m1", "m2"])
    assert list(records.columns) == ["factory", *COLUMNS, "power_w", "reason", "gateway", "seq"]
    assert len(store.records("genk", T0, T0 + timedelta(minutes=15), ["m1"])) == 2
    other = DuckDBStateStore(tmp_path / "other.duckdb")
    other.restore(records)
    other.restore(records)
    other.restore_ledger(store.ledger())
    assert rows(other) == rows(store)
    assert other.latest("genk") == store.latest("genk")
    pd.testing.assert_frame_equal(other.records("genk", T0, T0 + timedelta(days=1), ["m1", "m2"]), records)
    assert [(one.stored, one.missing) for one in other.ledger()] == [(4, 5)]
    other.close()
    store.delete_machine("genk", "m1")
    store.restore(records)
    assert len(rows(store)) == 4


def test_a_machine_is_deleted(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([report(1, 0, 10), report(2, 10, 20), report(3, 0, 5, machine="m2")]))
    assert store.factories() == ["genk"]
    store.delete_machine("genk", "m1")
    assert rows(store) == [("m2", 0, 5, "executing")]
    store = open_store()
    assert [one.machine for one in store.latest("genk")] == ["m2"]
    store.write(ReportBatch.of([report(1, 0, 10)]))
    assert len(rows(store)) == 2


def test_old_intervals_are_deleted_except_a_machines_newest(open_store: OpenStore) -> None:
    store = open_store()
    store.write(
        ReportBatch.of([report(1, 0, 10), report(2, 10, 60), report(3, 60, 70), report(4, 0, 5, machine="idle")])
    )
    store.delete_before(T0 + timedelta(minutes=30))
    assert rows(store) == [("idle", 0, 5, "executing"), ("m1", 10, 60, "executing"), ("m1", 60, 70, "executing")]
    assert [one.machine for one in open_store().latest("genk")] == ["idle", "m1"]


def test_writing_an_empty_batch_does_nothing(open_store: OpenStore) -> None:
    store = open_store()
    store.write(ReportBatch.of([]))
    assert store.ledger() == []


def test_the_file_compacts_itself(tmp_path: Path) -> None:
    """Of thirty thousand heartbeats of a thousand intervals, no more are kept beside the intervals than lie between two merges. The file's
    size would not tell: repeated rows take hardly any space there."""
    path = tmp_path / "states.duckdb"
    store = DuckDBStateStore(path, compact_rows=10_000)
    for beat in range(30):
        store.write(ReportBatch.of([report(1000 * beat + n + 1, 0, beat, machine=f"m{n}") for n in range(1000)]))
    assert len(rows(store)) == 1000
    store.close()
    with duckdb.connect(path, read_only=True) as file:
        kept = [file.table(name).count("*").fetchall()[0][0] for name in (INTERVAL_TABLE, RECENT_TABLE)]
    assert kept[0] == 1000
    assert kept[1] <= 10_000


@pytest.mark.servers
def test_a_second_process_gets_an_error_that_the_file_is_in_use(tmp_path: Path) -> None:
    import subprocess
    import sys

    store = DuckDBStateStore(tmp_path / "states.duckdb")
    code = (
        "import sys; from pathlib import Path; from stores.duckdb_store import DuckDBStateStore\n"
        "from telemetry import UserError\n"
        "try: DuckDBStateStore(Path(sys.argv[1]))\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "states.duckdb")], capture_output=True, text=True, timeout=60
    )
    assert "another process has this DuckDB file open" in done.stdout
    store.close()


def test_a_file_that_is_not_a_database_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "states.duckdb").write_bytes(b"this is not a database" * 1000)
    with pytest.raises(UserError, match=r"states\.duckdb"):
        DuckDBStateStore(tmp_path / "states.duckdb")


def test_two_workers_that_take_turns_within_a_minute_miss_nothing(influx_url: str) -> None:
    """Each of them has every other number alone: far more gaps than a ledger keeps, which the other one fills."""
    name = f"contract_{next(_numbers)}"
    create_influx_database(influx_url, name)
    workers = [InfluxDBStateStore(influx_url, name, INFLUX_TOKEN, INFLUX_ORG, worker) for worker in "12"]
    numbers = range(1, 3 * MAX_RANGES + 1)
    for first in range(0, len(numbers), 200):
        for offset, worker in enumerate(workers):
            some = numbers[first + offset : first + 200 : 2]
            worker.write(ReportBatch.of([report(seq, seq, seq + 1) for seq in some]))
    (ledger,) = workers[0].ledger()
    for worker in workers:
        worker.close()
    assert (ledger.stored, ledger.missing, ledger.given_up) == (len(numbers), 0, 0)


def test_an_influxdb_that_does_not_answer_is_unavailable() -> None:
    store = InfluxDBStateStore("http://127.0.0.1:9", "nowhere", "secret-token-for-the-test")
    with pytest.raises(StoreUnavailableError) as away:
        store.write(ReportBatch.of([report(1, 0, 1)]))
    assert "127.0.0.1:9" in str(away.value)
    assert "secret-token" not in str(away.value)
    store.close()
