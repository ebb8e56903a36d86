"""What the log says of a device that is lost, and of one that comes and goes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact
from telemetry import SystemClock


class SetClock(SystemClock):
    time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


async def test_a_device_that_comes_and_goes_fills_no_log(
    writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = SetClock()
    contact = Contact("Modbus meter", ["m1"], writer, clock)
    for _ in range(600):
        contact.mark_lost("no answer")
        clock.time += timedelta(seconds=2)
        contact.mark_lost("no answer")
        contact.mark_answering()
        clock.time += timedelta(seconds=2)
    assert caplog.text.count("Unknown until it answers") == caplog.text.count("answers again") == 5
    assert caplog.text.count("loses contact for the 5th time within an hour") == 1
    clock.time += timedelta(hours=1)
    contact.mark_lost("no answer")
    contact.mark_answering()
    assert caplog.text.count("Unknown until it answers") == caplog.text.count("answers again") == 6
