"""From an MQTT message to reports that may be stored, or the reason why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from stores.report_batch import Source
from telemetry import StateReport, parse_state_topic, rfc3339
from telemetry.message import decode_counting

MAX_AHEAD = timedelta(minutes=5)
"""A report may lie this far in the future: gateways' clocks are never quite the server's."""


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """What a message brings."""

    source: Source
    reports: list[StateReport]
    unknown_fields: int


def accept(topic: str, payload: bytes, now: datetime) -> AcceptedMessage:
    """Raises ValueError with a sentence that says why the message cannot be taken."""
    factory, machine = parse_state_topic(topic)
    message, unknown_fields = decode_counting(payload)
    for name, said, known in (("factory", message.factory, factory), ("machine", message.machine, machine)):
        if said is not None and said != known:
            raise ValueError(f"{name}: {said!r} is not the {name} of the topic, {known!r}")
    latest = now + MAX_AHEAD
    for report in message.reports:
        if report.until > latest:
            raise ValueError(f"report {report.seq} lies in the future: `until` is {rfc3339(report.until)}")
    return AcceptedMessage((factory, machine, message.gateway), message.reports, unknown_fields)
