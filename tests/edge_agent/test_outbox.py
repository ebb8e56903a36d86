"""The outbox: numbers without gaps across restarts, full disks and damaged files; limits; current states first."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import outbox as outbox_module
from edge_agent.messages import messages_of
from edge_agent.outbox import Outbox, QueuedReport
from edge_agent.outbox_file import Bounds
from telemetry import MachineState, OperationMode, StateInterval, UserError, decode, encode
from telemetry.message import StateReport, encode_bodies, interval_of_body, report_body
from telemetry.stored_reports import StoredReports
from tests.disks import disk_of, fill

T0 = datetime(2026, 3, 1, tzinfo=UTC)
RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING


def interval(minute: int, seconds: int = 30, state: MachineState = RUN) -> StateInterval:
    since = T0 + timedelta(minutes=minute)
    return StateInterval(state, since, since + timedelta(seconds=seconds), OperationMode.PROCESSING, 12.5, "why")


def seqs(queued: list[QueuedReport]) -> list[int]:
    return [one.seq for one in queued]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    built = Outbox(tmp_path / "outbox.sqlite")
    yield built
    built.close()


def test_reports_keep_their_numbers_over_restarts(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([("m1", interval(0)), ("m2", interval(0))])
    outbox.append([("m1", interval(1))])
    outbox.acknowledge(seqs(outbox.take(10)), 1.0)
    assert (outbox.depth(), outbox.unconfirmed(), outbox.last_seq()) == (0, 3, 3)
    outbox.close()

    again = Outbox(tmp_path / "outbox.sqlite")
    again.append([("m1", interval(2))])
    taken = again.take(10)
    assert seqs(taken) == [4]
    assert interval_of_body(taken[0].body) == interval(2)
    assert again.last_reports() == {"m1": interval(2), "m2": interval(0)}
    again.close()


def test_messages_hold_one_machine_in_order_and_at_most_500(outbox: Outbox) -> None:
    outbox.append([(f"m{minute % 2}", interval(minute)) for minute in range(1300)])
    sent = [(one.machine, decode(one.payload)) for one in messages_of(outbox.take(5000), "gw-1")]
    assert [(machine, len(message.reports)) for machine, message in sent] == [
        ("m0", 500), ("m0", 150), ("m1", 500), ("m1", 150),
    ]  # fmt: skip
    assert sorted(report.seq for _, message in sent for report in message.reports) == list(range(1, 1301))


def test_messages_are_as_long_as_the_broker_takes(outbox: Outbox) -> None:
    outbox.append([("m1", interval(minute)) for minute in range(700)])
    sent = [one.payload for one in messages_of(outbox.take(5000), "gw-1", 8_000)]
    assert all(len(payload) <= 8_000 for payload in sent)
    assert sum(len(payload) < 6_500 for payload in sent) <= 2, "as few as possible"
    assert [report.seq for payload in sent for report in decode(payload).reports] == list(range(1, 701))
    assert [len(decode(one.payload).reports) for one in messages_of([QueuedReport("m1", 1, report_body(interval(1)), True)], "gw-1", 10)] == [1]  # fmt: skip


def test_a_heartbeat_extends_the_waiting_report(outbox: Outbox) -> None:
    """A weekend's backlog has one report per change, not one per minute and machine."""
    for minutes in range(1, 100):
        outbox.append([("m1", interval(0, seconds=60 * minutes))])
    taken = outbox.take(10)
    assert seqs(taken) == [1]
    assert interval_of_body(taken[0].body).until == T0 + timedelta(minutes=99)
    # What was sent stays as it is: nobody could tell which form of it is stored.
    outbox.give_back()
    outbox.append([("m1", interval(0, seconds=60 * 200))])
    outbox.acknowledge(seqs(taken), 1.0)
    rest = outbox.take(10)
    assert seqs(rest) == [2]
    assert interval_of_body(rest[0].body).until == T0 + timedelta(minutes=200)
    # And what has left is never extended.
    outbox.acknowledge(seqs(rest), 1.0)
    outbox.append([("m1", interval(0, seconds=60 * 201))])
    assert seqs(outbox.take(10)) == [3]


def test_current_states_are_sent_before_the_backlog(outbox: Outbox) -> None:
    outbox.append([(f"m{minute % 3}", interval(minute)) for minute in range(30)])
    outbox.give_back()  # a connection after an outage
    first = outbox.take(5)
    assert seqs(first[:3]) == [28, 29, 30], "how each machine is now"
    assert [one.live for one in first] == [True, True, True, False, False]
    assert seqs(first[3:]) == [1, 2]
    outbox.append([("m1", interval(40))])
    second = outbox.take(5)
    assert seqs(second) == [31, 3, 4, 5, 6], "what is new, then the backlog in order"
    assert [one.retain for one in messages_of(second, "gw")] == [True, False, False, False]


def test_reports_in_flight_are_sent_again_after_a_lost_connection(outbox: Outbox) -> None:
    outbox.append([("m1", interval(minute)) for minute in range(4)])
    assert len(outbox.take(10)) == 4
    assert outbox.take(10) == []
    outbox.give_back()
    assert sorted(seqs(outbox.take(10))) == [1, 2, 3, 4]


@pytest.mark.long
def test_beyond_the_limit_superseded_reports_are_dropped_first_then_the_oldest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", Bounds(max_bytes=1_000_000))
    for place in range(1_200):  # extensions that could not be joined, as their reports were under way
        outbox.append([("m1", interval(0, seconds=60 + place))])
        outbox.take(1)
    outbox.give_back()
    with caplog.at_level(logging.ERROR):
        for minute in range(1, 12_000, 20):
            outbox.append([("m2", interval(minute + place)) for place in range(20)])
    assert outbox.dropped_superseded >= 1_000
    assert outbox.dropped_oldest > 0
    assert outbox.depth() + outbox.dropped_superseded + outbox.dropped_oldest == outbox.last_seq()
    assert (tmp_path / "outbox.sqlite").stat().st_size < 2 * 1_000_000
    assert caplog.text.count("has reached its limit") == 1
    outbox.give_back()
    assert max(seqs(outbox.take(2))) == outbox.last_seq(), "it never stops accepting what is new"
    outbox.close()
    assert Outbox(tmp_path / "outbox.sqlite").dropped_oldest == outbox.dropped_oldest


def test_reports_beyond_the_age_limit_are_dropped(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", Bounds(max_age=timedelta(minutes=100)))
    outbox.append([("m1", interval(minute)) for minute in range(1_000)])
    assert outbox.depth() <= 102
    assert outbox.dropped_oldest == 1_000 - outbox.depth()
    outbox.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of("1m", tmp_path) as disk:
        yield disk


@pytest.mark.servers
def test_a_full_disk_stops_nothing_and_loses_nothing(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outbox = Outbox(small_disk / "outbox.sqlite")
    outbox.append([("m1", interval(0))])
    ballast = fill(small_disk)
    for minute in range(1, 2_000, 3):
        outbox.append([("m1", interval(minute + place)) for place in range(3)])
    assert outbox.in_memory > 0
    assert caplog.text.count("wait in memory") == 1
    assert outbox.depth() == 2_002
    taken = outbox.take(500)
    outbox.acknowledge(seqs(taken), 1.0)  # the broker is there: sending goes on
    assert outbox.depth() == 1_502
    ballast.unlink()
    outbox.append([("m1", interval(2_000))])
    assert outbox.in_memory == 0
    assert "takes reports again" in caplog.text
    outbox.close()
    again = Outbox(small_disk / "outbox.sqlite")
    found = seqs(again.take(5_000))
    assert sorted(found + seqs(taken)) == list(range(1, 2_004))
    again.close()


@pytest.mark.servers
def test_a_report_that_is_extended_while_the_disk_is_full_is_sent_once(small_disk: Path) -> None:
    outbox = Outbox(small_disk / "outbox.sqlite")
    outbox.append([("m1", interval(0)), ("m2", interval(0))])
    ballast, seconds = fill(small_disk), 30
    while not outbox.in_memory:
        seconds += 30
        outbox.append([("m1", interval(0, seconds))])
    depth, taken = outbox.depth(), outbox.take(10)
    assert (depth, seqs(taken)) == (2, [1, 2]), "the file has an earlier form of the first one"
    assert interval_of_body(taken[0].body) == interval(0, seconds)
    outbox.give_back()
    ballast.unlink()
    outbox.append([("m2", interval(9))])
    assert (outbox.in_memory, outbox.depth(), sorted(seqs(outbox.take(10)))) == (0, 3, [1, 2, 3])
    outbox.close()


@pytest.mark.servers
def test_numbers_that_cannot_be_changed_on_a_full_disk_are_changed_later(small_disk: Path) -> None:
    outbox = Outbox(small_disk / "outbox.sqlite")
    outbox.append([("m1", interval(minute)) for minute in range(500)])
    ballast = fill(small_disk)
    outbox.tell(told((1, 9_000)), 1.0)
    assert outbox.depth() == 500, "nothing was taken for what the store has"
    ballast.unlink()
    outbox.tell(told((1, 9_000)), 2.0)
    assert seqs(outbox.take(1_000)) == [9_500, *range(9_001, 9_500)]
    outbox.close()


@pytest.mark.servers
def test_memory_is_bounded_while_the_disk_is_full(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_MEMORY", 100)
    outbox = Outbox(small_disk / "outbox.sqlite")
    fill(small_disk)
    for minute in range(500):
        outbox.append([("m1", interval(minute))])
    assert outbox.in_memory <= 100
    assert outbox.dropped_oldest + outbox.depth() == 500
    outbox.give_back()
    assert outbox.take(1)[0].seq == 500
    outbox.close()


@pytest.mark.parametrize("damage", ["header", "middle", "empty"])
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    outbox.append([("m1", interval(minute)) for minute in range(3_000)])
    outbox.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = b"no database" * 9 + b"x"
    elif damage == "middle":
        content[len(content) // 2 : len(content) // 2 + 40_960] = os.urandom(40_960)
    path.write_bytes(b"" if damage == "empty" else bytes(content))
    again = Outbox(path)
    again.append([("m1", interval(5_000))])
    for _ in range(10):
        again.acknowledge(seqs(again.take(1_000)), 1.0)
    again.append([("m1", interval(5_001))])
    assert again.take(1)[0].seq == again.last_seq() > 1
    again.close()
    if damage != "empty":
        assert "could not be read" in caplog.text
        assert list(tmp_path.glob("outbox.sqlite.unreadable-1"))


def test_damage_that_shows_while_running_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    outbox.append([("m1", interval(minute)) for minute in range(2_000)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    Path(f"{path}-wal").write_bytes(b"")
    for minute in range(2_000, 2_050):
        outbox.append([("m2", interval(minute))])
        outbox.take(10)
    assert outbox.last_seq() == 2_050
    outbox.close()


def test_a_second_agent_is_refused(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another agent is running"):
        Outbox(tmp_path / "outbox.sqlite")


def test_a_folder_that_cannot_be_written_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="data_dir"):
        Outbox(tmp_path / "file" / "outbox.sqlite")


_intervals = st.builds(
    lambda state, mode, start, length, power, reason: StateInterval(
        state, T0 + timedelta(milliseconds=start), T0 + timedelta(milliseconds=start + length), mode, power, reason
    ),
    st.sampled_from(MachineState),
    st.none() | st.sampled_from(OperationMode),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.text(max_size=50),
)


@given(st.lists(_intervals, min_size=1, max_size=5))
def test_bodies_encode_to_the_same_message_as_reports(intervals: list[StateInterval]) -> None:
    bodies = [(place + 1, report_body(one)) for place, one in enumerate(intervals)]
    reports = [StateReport.of(place + 1, one) for place, one in enumerate(intervals)]
    assert decode(encode_bodies("gw-1", bodies)) == decode(encode("gw-1", reports))


def test_committed_reports_are_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    outbox.append([("m1", interval(0))])
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM report").fetchone() == (1,)
    outbox.close()


def test_a_commit_outlives_a_power_cut(outbox: Outbox) -> None:
    """SQLite flushes to the disk before a commit returns (`synchronous` FULL, 2); only what has arrived need not wait for that."""
    flushed = "PRAGMA synchronous"
    outbox.append([("m1", interval(0))])
    assert outbox._file._connection.execute(flushed).fetchone() == (2,)
    outbox.acknowledge([1], 1.0)
    assert outbox._file._connection.execute(flushed).fetchone() == (2,)


def test_the_current_state_is_retained_and_a_backlog_is_not() -> None:
    """A late subscriber gets the retained message: it must be the present, not an hour of last week."""
    queued = [QueuedReport("m1", 1, "{}", live=False), QueuedReport("m1", 2, "{}", live=True)]
    retained = {message.retain: message.payload for message in messages_of(queued, "gw-1")}
    assert b'"seq":2' in retained[True]
    assert b'"seq":1' in retained[False]


def told(*ranges: tuple[int, int]) -> StoredReports:
    return StoredReports(ranges)


def test_what_the_broker_lost_is_taken_again_as_backlog(outbox: Outbox) -> None:
    outbox.append([("m1", interval(minute)) for minute in range(5)])
    outbox.acknowledge(seqs(outbox.take(10)), 0.0)
    outbox.append([("m1", interval(5))])
    outbox.acknowledge(seqs(outbox.take(10)), 60.0)
    assert (outbox.depth(), outbox.unconfirmed()) == (0, 6)
    outbox.tell(told((1, 2), (6, 6)), 61.0)
    assert (outbox.depth(), outbox.unconfirmed()) == (3, 0)
    taken = outbox.take(10)
    assert [(one.seq, one.live) for one in taken] == [(3, False), (4, False), (5, False)], (
        "never retained over what is newer"
    )


def test_where_each_report_is_outlives_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([("m1", interval(minute)) for minute in range(5)])
    outbox.acknowledge(seqs(outbox.take(4)), 0.0)
    outbox.tell(told((1, 2)), 1.0)
    outbox.close()
    again = Outbox(tmp_path / "outbox.sqlite")
    assert (again.depth(), again.unconfirmed()) == (1, 2)
    assert not again.never_told
    assert seqs(again.take(10)) == [5]
    again.close()


def test_what_is_stored_is_kept_for_a_time_and_a_size(tmp_path: Path) -> None:
    bounds = Bounds(max_bytes=10_000_000, keep_bytes=400_000, keep=timedelta(minutes=2_000))
    outbox = Outbox(tmp_path / "outbox.sqlite", bounds)
    for start in range(0, 3_000, 500):
        outbox.append([("m1", interval(minute)) for minute in range(start, start + 500)])
        outbox.acknowledge(seqs(outbox.take(5_000)), 0.0)
        outbox.tell(told((1, outbox.last_seq())), 1.0)
    outbox.append([("m1", interval(minute)) for minute in range(3_000, 3_500)])
    assert outbox.depth() == 500, "what waits is not touched"
    assert (outbox.dropped_superseded, outbox.dropped_oldest) == (0, 0)
    outbox.tell(StoredReports(()), 2.0)  # an empty store: what is kept is all that can be sent again
    kept = outbox.unconfirmed()
    assert 500 < kept < 2_000
    outbox.close()


def test_at_the_limit_what_is_stored_goes_first(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", Bounds(max_bytes=1_000_000))
    outbox.append([("m1", interval(minute)) for minute in range(2_000)])
    outbox.acknowledge(seqs(outbox.take(5_000)), 0.0)
    outbox.tell(told((1, 2_000)), 1.0)
    for start in range(2_000, 5_000, 500):
        outbox.append([("m1", interval(minute)) for minute in range(start, start + 500)])
    assert (outbox.dropped_superseded, outbox.dropped_oldest) == (0, 0)
    assert outbox.depth() == 3_000
    outbox.close()


def test_a_gateway_whose_disk_was_lost_continues_after_what_the_store_has(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise its first reports would be taken for those that the store has already, and would be lost without a word."""
    outbox.append([("m1", interval(minute)) for minute in range(3)])
    assert outbox.never_told
    outbox.acknowledge(seqs(outbox.take(1)), 0.0)  # sent before it was known
    outbox.tell(told((1, 1_000)), 1.0)
    assert "younger than this gateway" in caplog.text
    taken = outbox.take(10)
    assert sorted(seqs(taken)) == [1_001, 1_002, 1_003]
    assert [interval_of_body(one.body) for one in sorted(taken, key=lambda one: one.seq)] == [interval(0), interval(1), interval(2)]  # fmt: skip
    outbox.append([("m1", interval(3))])
    assert outbox.last_seq() == 1_004
    outbox.acknowledge(seqs(taken), 2.0)
    outbox.tell(told((1, 1_003)), 3.0)
    assert (outbox.depth(), outbox.unconfirmed()) == (1, 0)
