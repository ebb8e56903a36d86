"""Validation: the reports of a message, or the reason why it is rejected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.validation import accept
from telemetry import MachineState, StateInterval, StateReport, encode, state_topic

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def payload(until: datetime = NOW) -> bytes:
    interval = StateInterval(MachineState.EXECUTING, NOW - timedelta(hours=1), until)
    return encode("gw-1", [StateReport.of(5, interval)])


def test_a_report_knows_where_it_came_from() -> None:
    message = accept(state_topic("genk", "m1"), payload(), NOW)
    assert message.source == ("genk", "m1", "gw-1")
    assert [(one.seq, one.until) for one in message.reports] == [(5, NOW)]


@pytest.mark.parametrize(
    ("topic", "body", "said"),
    [
        ("vrijloop/v1/genk/m1/status", payload(), "not of the form"),
        (state_topic("genk", "m1"), b"{broken", "JSON"),
        (state_topic("genk", "m1"), payload().replace(b'"v":1', b'"v":9'), "v: "),
        (state_topic("genk", "m1"), payload(NOW + timedelta(hours=1)), "lies in the future"),
        (
            state_topic("genk", "m1"),
            payload().replace(b'"v":1', b'"factory":"hasselt","v":1'),
            "factory: 'hasselt' is not",
        ),
        (state_topic("genk", "m1"), payload().replace(b'"v":1', b'"machine":"m2","v":1'), "machine: 'm2' is not"),
        (state_topic("genk", "m1"), payload().replace(b'"seq":5,', b""), "seq"),
        (state_topic("genk", "m1"), payload().replace(b'"since":"2026', b'"since":"1998'), "before 2000"),
        (state_topic("genk", "m1"), payload() + b" " * 300_000, "the limit is"),
        (
            state_topic("genk", "m1"),
            payload().replace(b"2026-11-20T12:00:00.000Z", b"9999-12-31T23:59:59-14:00"),
            "lies after 9999",
        ),
        ("x" * 60_000, payload(), r"^topic '.{200}' is not"),
    ],
)
def test_the_reason_is_given(topic: str, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        accept(topic, body, NOW)


def test_clocks_may_differ_a_little() -> None:
    assert accept(state_topic("genk", "m1"), payload(NOW + timedelta(minutes=4)), NOW)


def test_a_topic_may_be_repeated_in_the_message() -> None:
    body = payload().replace(b'"v":1', b'"factory":"genk","machine":"m1","colour":"red","v":1')
    assert accept(state_topic("genk", "m1"), body, NOW).unknown_fields == 1


@settings(max_examples=300)
@given(st.text(max_size=60), st.binary(max_size=200))
def test_errors_are_always_messages(topic: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        accept(topic, body, NOW)
