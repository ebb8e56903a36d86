"""`vrijloop simulate` as a script meets it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from edge_agent.configuration import AgentSettings
from telemetry import load_settings
from tests.servers import free_port
from vrijloop.simulate import run_simulation
from vrijloop.simulated_factory import SimulatedFactory


async def test_whoever_waits_for_a_port_finds_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.toml"
    found: list[AgentSettings] = []

    async def start(_: SimulatedFactory) -> None:
        found.append(load_settings(path, AgentSettings))
        raise ConnectionAbortedError

    monkeypatch.setattr(SimulatedFactory, "start", start)
    with pytest.raises(ConnectionAbortedError):
        await run_simulation(1, free_port(), free_port(), path, "mqtt://127.0.0.1:1883", Console(file=io.StringIO()))
    assert len(found) == 1
