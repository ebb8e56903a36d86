"""The wire message: 1 to 500 reports of one machine, in order, as JSON.

{"v": 1, "gateway": "gw-hal-2", "reports": [{"seq": 10482, "state": "not_executing", …}]}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from telemetry.state import MachineState, OperationMode, StateInterval
from telemetry.topics import NAME_PATTERN

MAX_REPORTS = 500
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_SEQ = 2**63 - 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""An earlier report comes from a clock that was never set (gateways boot in 1970, PLCs in 1984)."""
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""A later time has no counterpart in UTC: 9999-12-31T23:59:59-01:00 lies in the year 10000."""

_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)


def rfc3339(moment: datetime) -> str:
    """Format as RFC 3339 in UTC with milliseconds: `2026-11-20T08:14:03.120Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """Convert to UTC and truncate to milliseconds, the resolution of the wire message, so that `since` remains the same key."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


_WireName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
_WireTime = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, from 2000 on.")]


class StateReport(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One assertion: the machine was in `state` from `since` until at least `until`."""

    seq: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_SEQ, description="Grows by one per report per gateway, survives restarts.")
    ]
    state: MachineState
    since: _WireTime
    until: _WireTime
    mode: OperationMode | None = None
    power_w: float | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None

    @property
    def interval(self) -> StateInterval:
        return StateInterval(
            self.state,
            to_milliseconds(self.since),
            to_milliseconds(self.until),
            self.mode,
            self.power_w,
            self.reason,
        )

    @classmethod
    def of(cls, seq: int, interval: StateInterval) -> StateReport:
        return cls(
            seq, interval.state, interval.since, interval.until, interval.mode, interval.power_w, interval.reason
        )


class StateMessage(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The payload of `vrijloop/v1/<factory>/<machine>/state`, version 1.

    `factory` and `machine` stand in the topic; a sender that repeats them must mean the same ones.
    """

    v: Annotated[int, msgspec.Meta(ge=1, le=1)]
    gateway: _WireName
    reports: Annotated[list[StateReport], msgspec.Meta(min_length=1, max_length=MAX_REPORTS)]
    factory: _WireName | None = None
    machine: _WireName | None = None


def encode(gateway: str, reports: Sequence[StateReport]) -> bytes:
    """The payload of one message. `reports`: 1 to 500 of one machine, in order of `seq`."""
    return encode_bodies(gateway, [(report.seq, report_body(report.interval)) for report in reports])


def report_body(interval: StateInterval) -> str:
    """A report as JSON without the opening brace and the sequence number, which are added by `encode_bodies`."""
    mode = f'"{interval.mode.value}"' if interval.mode is not None else "null"
    # JSON has no infinite numbers: ingest would reject the message with all its reports.
    is_number = interval.power_w is not None and math.isfinite(interval.power_w)
    power_w = json.dumps(interval.power_w) if is_number else "null"
    reason = json.dumps(interval.reason) if interval.reason is not None else "null"
    return (
        f'"state":"{interval.state.value}","mode":{mode},"since":"{rfc3339(interval.since)}",'
        f'"until":"{rfc3339(interval.until)}","power_w":{power_w},"reason":{reason}}}'
    )


def interval_of_body(body: str) -> StateInterval:
    """The interval that a body asserts."""
    return _REPORT_DECODER.decode('{"seq":1,' + body).interval


def encode_bodies(gateway: str, bodies: Sequence[tuple[int, str]]) -> bytes:
    """As `encode`, from sequence numbers and bodies; fast enough to send an hour's backlog in seconds."""
    reports = ",".join(f'{{"seq":{seq},{body}' for seq, body in bodies)
    return f'{{"v":1,"gateway":"{gateway}","reports":[{reports}]}}'.encode()


_REPORT_DECODER = msgspec.json.Decoder(StateReport)
_DECODER = msgspec.json.Decoder(StateMessage)


def decode(payload: bytes) -> StateMessage:
    """Decode a payload, ignoring unknown fields. Raises ValueError."""
    return decode_counting(payload)[0]


def decode_counting(payload: bytes) -> tuple[StateMessage, int]:
    """As `decode`; also returns the number of unknown fields."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the payload has {len(payload)} bytes; the limit is {MAX_PAYLOAD_BYTES}")
    left_out = 0
    try:
        try:
            message = _DECODER.decode(payload)
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            known, left_out = _without_unknown_fields(msgspec.json.decode(payload))
            message = msgspec.convert(known, StateMessage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(_sentence(error, payload)) from error
    _check(message)
    return message, left_out


def _check(message: StateMessage) -> None:
    """Check what the types do not express. Raises ValueError."""
    for name, value in (("gateway", message.gateway), ("factory", message.factory), ("machine", message.machine)):
        if value is not None and value.endswith("\n"):  # `$` in a Python pattern also matches before a final newline
            raise ValueError(f"{name}: {value!r} is not a valid name")
    before = 0
    for place, report in enumerate(message.reports):
        # Checked first: a clock that was never set is the more frequent cause and the more useful message.
        if report.since < EARLIEST:
            raise ValueError(
                f"reports.{place}.since: the time lies before 2000-01-01: the source's clock was never set"
            )
        if max(report.since, report.until) > LATEST:
            raise ValueError(f"reports.{place}: a time lies after {LATEST.year}")
        if report.until < report.since:
            raise ValueError(f"reports.{place}: `until` lies before `since`")
        if report.seq <= before:
            raise ValueError(f"reports.{place}.seq: the reports are not in order of `seq`")
        if report.power_w is not None and not math.isfinite(report.power_w):
            raise ValueError(f"reports.{place}.power_w: is not a finite number")
        before = report.seq


def _without_unknown_fields(message: Any) -> tuple[Any, int]:
    """The message as plain values without the fields that version 1 does not have, and the number of those."""
    known, left_out = _only(StateMessage.__struct_fields__, message)
    if isinstance(known, dict) and isinstance(known.get("reports"), list):
        reports = [_only(StateReport.__struct_fields__, item) for item in known["reports"]]
        known["reports"] = [item for item, _ in reports]
        left_out += sum(extra for _, extra in reports)
    return known, left_out


def _only(fields: tuple[str, ...], value: Any) -> tuple[Any, int]:
    if not isinstance(value, dict):
        return value, 0
    known = {name: item for name, item in value.items() if name in fields}
    return known, len(value) - len(known)


def _sentence(error: Exception, payload: bytes) -> str:
    match = _PATH.match(str(error))
    if match is not None:
        path = match["path"].replace("[", ".").replace("]", "").strip(".")
        return f"{path or 'message'}: {match['what']}"
    if b"NaN" in payload or b"Infinity" in payload:
        return f"message: NaN and Infinity are not JSON numbers ({error})"
    return f"message: {error}" if "JSON" in str(error) else f"message: not JSON ({error})"
