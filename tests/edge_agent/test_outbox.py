"""The outbox: numbers without holes, in order, over restarts, and nothing gone before it is acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.outbox import Outbox
from edge_agent.publisher import messages_of
from telemetry import MachineState, OperationMode, StateInterval, UserError, decode

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def interval(minute: int, state: MachineState = MachineState.EXECUTING) -> StateInterval:
    since = T0 + timedelta(minutes=minute)
    return StateInterval(state, since, since + timedelta(seconds=30), OperationMode.PROCESSING, 12.5, "why")


def test_reports_keep_their_numbers_over_restarts(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([("m1", interval(0)), ("m2", interval(0))])
    outbox.append([("m1", interval(1))])
    outbox.remove_up_to(3)
    assert (outbox.depth(), outbox.last_seq()) == (0, 3)
    outbox.close()

    again = Outbox(tmp_path / "outbox.sqlite")
    again.append([("m1", interval(2))])
    assert [one.report.seq for one in again.waiting(10)] == [4]
    assert again.waiting(10)[0].report.interval == interval(2)
    assert again.last_reports() == {"m1": interval(2), "m2": interval(0)}
    again.close()


def test_messages_hold_one_machine_in_order_and_at_most_500(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([(f"m{minute % 2}", interval(minute)) for minute in range(1300)])
    sent = [(machine, decode(payload)) for machine, payload in messages_of(outbox.waiting(5000), "gw-1")]
    assert [(machine, len(message.reports)) for machine, message in sent] == [
        ("m0", 500), ("m0", 150), ("m1", 500), ("m1", 150),
    ]  # fmt: skip
    assert sorted(report.seq for _, message in sent for report in message.reports) == list(range(1, 1301))
    outbox.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="data_dir"):
        Outbox(tmp_path / "file" / "outbox.sqlite")
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(UserError, match=r"broken\.sqlite"):
        Outbox(tmp_path / "broken.sqlite")
