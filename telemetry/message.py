"""The wire message: 1 to 500 reports of one machine, in order, as JSON.

{"v": 1, "gateway": "gw-hal-2", "reports": [{"seq": 10482, "state": "not_executing", …}]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from telemetry.state import MachineState, OperationMode, StateInterval
from telemetry.topics import Name

MAX_REPORTS = 500
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_SEQ = 2**63 - 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A report from before 2000 comes from a clock that was never set (gateways boot in 1970, PLCs in 1984)."""


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-20T08:14:03.120Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """The moment in UTC, cut to the milliseconds that the wire carries, so that a `since` stays the same key."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _after_2000(moment: datetime) -> datetime:
    if moment < EARLIEST:
        raise ValueError("the time lies before 2000-01-01: the source's clock was never set")
    return moment


WireTime = Annotated[
    AwareDatetime,
    AfterValidator(_after_2000),
    AfterValidator(to_milliseconds),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
]


class StateReport(BaseModel):
    """One assertion: the machine was in `state` from `since` until at least `until`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    seq: Annotated[int, Field(ge=1, le=MAX_SEQ, description="Grows by one per report per gateway, survives restarts.")]
    state: MachineState
    mode: OperationMode | None = None
    since: WireTime
    until: WireTime
    power_w: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reason: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _until_not_before_since(self) -> Self:
        if self.until < self.since:
            raise ValueError("`until` lies before `since`")
        return self

    @property
    def interval(self) -> StateInterval:
        return StateInterval(self.state, self.since, self.until, self.mode, self.power_w, self.reason)

    @classmethod
    def of(cls, seq: int, interval: StateInterval) -> StateReport:
        return cls(
            seq=seq,
            state=interval.state,
            mode=interval.mode,
            since=interval.since,
            until=interval.until,
            power_w=interval.power_w,
            reason=interval.reason,
        )


class StateMessage(BaseModel):
    """The payload of `vrijloop/v1/<factory>/<machine>/state`, version 1."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    v: Literal[1]
    gateway: Name
    reports: Annotated[tuple[StateReport, ...], Field(min_length=1, max_length=MAX_REPORTS)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        seqs = [report.seq for report in self.reports]
        if any(later <= earlier for earlier, later in pairwise(seqs)):
            raise ValueError("the reports are not in order of `seq`")
        return self


def encode(gateway: str, reports: Sequence[StateReport]) -> bytes:
    """The payload of one message. `reports`: 1 to 500 of one machine, in order of `seq`."""
    return StateMessage(v=1, gateway=gateway, reports=tuple(reports)).model_dump_json().encode()


def report_body(interval: StateInterval) -> str:
    """A report as JSON, but for its opening and its number: what stays the same until it is sent."""
    mode = f'"{interval.mode.value}"' if interval.mode is not None else "null"
    power_w = json.dumps(interval.power_w) if interval.power_w is not None else "null"
    reason = json.dumps(interval.reason) if interval.reason is not None else "null"
    return (
        f'"state":"{interval.state.value}","mode":{mode},"since":"{rfc3339(interval.since)}",'
        f'"until":"{rfc3339(interval.until)}","power_w":{power_w},"reason":{reason}}}'
    )


def interval_of_body(body: str) -> StateInterval:
    """The interval that a body asserts."""
    return StateReport.model_validate_json('{"seq":1,' + body).interval


def encode_bodies(gateway: str, bodies: Sequence[tuple[int, str]]) -> bytes:
    """As `encode`, from numbers and bodies: a backlog of an hour leaves in seconds."""
    reports = ",".join(f'{{"seq":{seq},{body}' for seq, body in bodies)
    return f'{{"v":1,"gateway":"{gateway}","reports":[{reports}]}}'.encode()


def decode(payload: bytes) -> StateMessage:
    """The message in a payload. Raises ValueError with one sentence that says what is wrong with it."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the payload has {len(payload)} bytes; the limit is {MAX_PAYLOAD_BYTES}")
    try:
        return StateMessage.model_validate_json(payload)
    except ValidationError as error:
        raise ValueError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    parts = []
    for detail in error.errors(include_url=False, include_context=False)[:3]:
        where = ".".join(str(step) for step in detail["loc"]) or "message"
        shown = repr(detail["input"])
        parts.append(f"{where}: {detail['msg']} (got {shown[:80]})")
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
