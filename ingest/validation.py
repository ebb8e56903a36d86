"""From an MQTT message to reports that may be stored, or the reason why not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from stores import StoredReport
from telemetry import decode, parse_state_topic, rfc3339

MAX_AHEAD = timedelta(minutes=5)
"""A report may lie this far in the future: gateways' clocks are never quite the server's."""


def reports_of(topic: str, payload: bytes, now: datetime) -> list[StoredReport]:
    """The reports in a message. Raises ValueError with a sentence that says why the message cannot be taken."""
    factory, machine = parse_state_topic(topic)
    message = decode(payload)
    latest = now + MAX_AHEAD
    for report in message.reports:
        if report.until > latest:
            raise ValueError(f"report {report.seq} lies in the future: `until` is {rfc3339(report.until)}")
    return [StoredReport(factory, machine, message.gateway, report.seq, report.interval) for report in message.reports]
