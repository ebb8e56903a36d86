"""Payloads of Sparkplug B: what is written is read, also by other implementations' bytes; whatever arrives costs no more than an error."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.sparkplug import (
    MAX_PAYLOAD_BYTES,
    DataType,
    Metric,
    Payload,
    Quality,
    decode,
    encode,
    next_number,
    state_topic,
    topic,
)  # fmt: skip

_NUMBERS = st.integers(0, 2**64 - 1)
_VALUES: dict[DataType, st.SearchStrategy[Any]] = {
    DataType.INT8: st.integers(-(2**7), 2**7 - 1),
    DataType.INT32: st.integers(-(2**31), 2**31 - 1),
    DataType.INT64: st.integers(-(2**63), 2**63 - 1),
    DataType.UINT32: st.integers(0, 2**32 - 1),
    DataType.UINT64: _NUMBERS,
    DataType.FLOAT: st.floats(width=32, allow_nan=False),
    DataType.DOUBLE: st.floats(allow_nan=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: st.text(),
    DataType.DATE_TIME: _NUMBERS,
}
_METRICS = st.sampled_from(list(_VALUES)).flatmap(
    lambda kind: st.builds(
        Metric, st.text(), st.none() | _VALUES[kind], st.none() | _NUMBERS, st.just(kind), st.none() | st.sampled_from(Quality),
        st.none() | _NUMBERS,
    )
)  # fmt: skip


@settings(max_examples=50)
@given(st.builds(Payload, st.none() | _NUMBERS, st.lists(_METRICS, max_size=5).map(tuple), st.none() | _NUMBERS))
def test_what_is_written_is_read(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(st.binary())
def test_bytes_of_any_kind_are_a_payload_or_an_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


def test_what_other_implementations_write_beside_it_is_passed_over() -> None:
    """A data set (field 17) in a metric, metadata (8), and a uuid (4) of the payload: Tahu's numbers, which protobuf gives as unknown fields."""
    data_set = b"\x0a\x01x" + b"\x20\x10" + b"\x42\x03\x42\x01d" + b"\x8a\x01\x02\x08\x01"
    payload = decode(b"\x12" + bytes([len(data_set)]) + data_set + b"\x18\x07" + b"\x22\x01u")
    assert payload == Payload(None, (Metric("x", None),), 7)


def test_a_payload_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="the limit is"):
        decode(b"\x00" * (MAX_PAYLOAD_BYTES + 1))


def test_numbers_and_topics() -> None:
    assert [next_number(number) for number in (0, 254, 255)] == [1, 255, 0]
    assert topic("hal 2", "DDATA", "gw", "m1") == "spBv1.0/hal 2/DDATA/gw/m1"
    assert state_topic("scada") == "spBv1.0/STATE/scada"
