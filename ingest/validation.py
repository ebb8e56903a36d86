"""Validates an MQTT message: returns its reports, or raises the reason why they cannot be stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from stores.report_batch import Source
from telemetry import StateReport, parse_state_topic, rfc3339
from telemetry.message import decode_counting

MAX_AHEAD = timedelta(minutes=5)
"""A report may be this far in the future, because the clocks of gateways and server differ."""


class AcceptedMessage(NamedTuple):
    """The content of a valid message."""

    source: Source
    reports: list[StateReport]
    unknown_fields: int


def accept(topic: str, payload: bytes, now: datetime) -> AcceptedMessage:
    """Validate a message. Raises ValueError with the reason why it is rejected."""
    factory, machine = parse_state_topic(topic)
    message, unknown_fields = decode_counting(payload)
    if message.factory is not None or message.machine is not None:  # senders seldom repeat them
        for name, given, known in (("factory", message.factory, factory), ("machine", message.machine, machine)):
            if given is not None and given != known:
                raise ValueError(f"{name}: {given!r} is not the {name} of the topic, {known!r}")
    latest = now + MAX_AHEAD
    for report in message.reports:
        if report.until > latest:
            raise ValueError(f"report {report.seq} lies in the future: `until` is {rfc3339(report.until)}")
    return AcceptedMessage((factory, machine, message.gateway), message.reports, unknown_fields)
