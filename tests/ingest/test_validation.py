"""Messages into reports, or the reason why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.validation import reports_of
from telemetry import MachineState, StateInterval, StateReport, encode, state_topic

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def payload(until: datetime = NOW) -> bytes:
    interval = StateInterval(MachineState.EXECUTING, NOW - timedelta(hours=1), until)
    return encode("gw-1", [StateReport.of(5, interval)])


def test_a_report_knows_where_it_came_from() -> None:
    (report,) = reports_of(state_topic("genk", "m1"), payload(), NOW)
    assert (report.factory, report.machine, report.gateway, report.seq) == ("genk", "m1", "gw-1", 5)
    assert report.interval.until == NOW


@pytest.mark.parametrize(
    ("topic", "body", "said"),
    [
        ("vrijloop/v1/genk/m1/status", payload(), "not of the form"),
        (state_topic("genk", "m1"), b"{broken", "JSON"),
        (state_topic("genk", "m1"), payload().replace(b'"v":1', b'"v":9'), "v: "),
        (state_topic("genk", "m1"), payload(NOW + timedelta(hours=1)), "lies in the future"),
    ],
)
def test_the_reason_is_said(topic: str, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reports_of(topic, body, NOW)


def test_clocks_may_differ_a_little() -> None:
    assert reports_of(state_topic("genk", "m1"), payload(NOW + timedelta(minutes=4)), NOW)


@settings(max_examples=300)
@given(st.text(max_size=60), st.binary(max_size=200))
def test_nothing_but_a_sentence_is_ever_raised(topic: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        reports_of(topic, body, NOW)
