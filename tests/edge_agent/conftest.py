"""A report writer, and waiting for the states that a source reports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from edge_agent.outbox import Outbox
from edge_agent.report_writer import ReportWriter
from telemetry import MachineState, StateInterval
from tests import opcua_address_space


@pytest.fixture(autouse=True)
def one_address_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the servers in the tests' own process; those of the simulators' tests build theirs themselves."""
    opcua_address_space.build_once(monkeypatch)


@pytest.fixture
async def writer5(tmp_path: Path) -> AsyncIterator[ReportWriter]:
    """For machines m1 to m5."""
    async with _writing(tmp_path, [f"m{place}" for place in range(1, 6)]) as one:
        yield one


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[ReportWriter]:
    """For machines m1 and m2."""
    async with _writing(tmp_path, ["m1", "m2"]) as one:
        yield one


@contextlib.asynccontextmanager
async def _writing(tmp_path: Path, machines: list[str]) -> AsyncIterator[ReportWriter]:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    writer = ReportWriter(outbox, machines, timedelta(seconds=60))
    writing = asyncio.create_task(writer.run())
    yield writer
    writer.stop()
    await writing
    outbox.close()


class Source(Protocol):
    async def run(self) -> None: ...


async def until_state(writer: ReportWriter, machine: str, *states: MachineState) -> StateInterval:
    """Wait until the machine is in one of the states; the bound is for a hang."""
    async with asyncio.timeout(60):
        while True:
            current = writer.reported(machine)
            if current is not None and current.state in states:
                return current
            await asyncio.sleep(0.01)


AnySource = TypeVar("AnySource", bound=Source)


@contextlib.asynccontextmanager
async def running(source: AnySource) -> AsyncIterator[AnySource]:
    task = asyncio.create_task(source.run())
    try:
        yield source
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
