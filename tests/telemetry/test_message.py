"""The wire message: what is accepted, what is refused, and that encoding and decoding change nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import MachineState, OperationMode, StateInterval, StateReport, decode, encode, to_milliseconds
from telemetry.message import MAX_PAYLOAD_BYTES, decode_counting
from telemetry.topics import parse_state_topic, state_topic

SINCE = datetime(2026, 11, 20, 8, 14, 3, 120000, tzinfo=UTC)

moments = st.datetimes(datetime(2000, 1, 2), datetime(2090, 1, 1), timezones=st.just(UTC)).map(to_milliseconds)


@st.composite
def intervals(draw: st.DrawFn) -> StateInterval:
    since = draw(moments)
    length = timedelta(milliseconds=draw(st.integers(0, 10**9)))
    return StateInterval(
        draw(st.sampled_from(MachineState)),
        since,
        since + length,
        draw(st.none() | st.sampled_from(OperationMode)),
        draw(st.none() | st.floats(-1e6, 1e9)),
        draw(st.none() | st.text(max_size=50)),
    )


@given(st.lists(intervals(), min_size=1, max_size=20), st.integers(1, 2**40))
def test_an_encoded_message_decodes_to_the_same_values(sent: list[StateInterval], first: int) -> None:
    reports = [StateReport.of(first + place, interval) for place, interval in enumerate(sent)]
    message = decode(encode("gw-hal-2", reports))
    assert message.gateway == "gw-hal-2"
    assert [report.interval for report in message.reports] == sent
    assert [report.seq for report in message.reports] == [report.seq for report in reports]


def test_times_are_written_as_in_the_design() -> None:
    interval = StateInterval(MachineState.NOT_EXECUTING, SINCE, SINCE + timedelta(minutes=1), OperationMode.PROCESSING)
    written = json.loads(encode("gw-hal-2", [StateReport.of(10482, interval)]))["reports"][0]
    assert written["since"] == "2026-11-20T08:14:03.120Z"
    assert written["state"] == "not_executing"
    assert written["mode"] == "processing"


def valid() -> dict[str, Any]:
    return {
        "v": 1,
        "gateway": "gw-1",
        "reports": [
            {"seq": 1, "state": "executing", "since": "2026-11-20T08:00:00Z", "until": "2026-11-20T09:00:00Z"},
            {"seq": 2, "state": "executing", "since": "2026-11-20T09:00:00Z", "until": "2026-11-20T10:00:00Z"},
        ],
    }


def test_unknown_fields_are_ignored_and_counted() -> None:
    message = valid()
    assert decode_counting(json.dumps(message).encode())[1] == 0
    message["colour"] = "blue"
    message["reports"][0]["operator"] = "somebody"
    taken, left_out = decode_counting(json.dumps(message).encode())
    assert (taken, left_out) == (decode(json.dumps(valid()).encode()), 2)
    message["reports"][1]["state"] = "idle"
    with pytest.raises(ValueError, match=r"reports\.1\.state"):
        decode(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("v", 2, "v: "),
        ("gateway", "Gateway 1", "gateway: "),
        ("reports", [], "reports: "),
        ("reports.0.state", "idle", "reports.0.state"),
        ("reports.0.seq", 0, "reports.0.seq"),
        ("reports.0.seq", 5, "not in order"),
        ("reports.0.since", "2026-11-20T08:00:00", "reports.0.since"),
        ("reports.0.since", "1970-01-01T00:00:10Z", "before 2000"),
        ("reports.0.until", "2026-11-20T07:59:59Z", "`until` lies before `since`"),
        ("reports.0.power_w", float("nan"), "NaN and Infinity are not JSON numbers"),
        ("reports.0.power_w", 10**400, "reports.0.power_w"),
        ("reports.0.power_w", True, "reports.0.power_w"),
        ("reports.0.seq", "7", "reports.0.seq"),
        ("gateway", "gw-1\n", "gateway: "),
        ("reports.0.mode", "auto", "reports.0.mode"),
        ("reports.0.reason", "x" * 201, "reports.0.reason"),
    ],
)
def test_a_wrong_message_is_refused_with_the_field_named(field: str, value: object, said: str) -> None:
    message = valid()
    place: Any = message
    *steps, last = field.split(".")
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    with pytest.raises(ValueError, match=".") as refused:
        decode(json.dumps(message).encode())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"v": 1}', b"x" * (MAX_PAYLOAD_BYTES + 1)]
)
def test_an_invalid_message_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        decode(payload)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_payload_is_decoded_or_refused_with_a_message(payload: bytes) -> None:
    try:
        decode(payload)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("power_w", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_has_not_costs_no_report(power_w: float) -> None:
    interval = StateInterval(MachineState.EXECUTING, SINCE, SINCE, None, power_w)
    assert decode(encode("gw-1", [StateReport.of(1, interval)])).reports[0].power_w is None


def test_topics() -> None:
    assert parse_state_topic(state_topic("genk", "frees-5as")) == ("genk", "frees-5as")
    for wrong in ("vrijloop/v2/a/b/state", "vrijloop/v1/a/state", "vrijloop/v1/A/b/state", "vrijloop/v1/a/b/state\n"):
        with pytest.raises(ValueError, match="not of the form"):
            parse_state_topic(wrong)
