"""Runs the agent until it is told to stop. Imports no command line, which would take some megabytes for as long as the agent runs."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from edge_agent.supervision import supervise
from telemetry import SystemClock, load_settings
from telemetry.logs import log_to_stderr


def run_agent(config: Path) -> None:
    """Run the agent until it receives SIGTERM or SIGINT. Raises UserError."""
    settings = load_settings(config, AgentSettings)
    log_to_stderr()
    quiet_libraries()
    asyncio.run(_run(settings, config))


def quiet_libraries() -> None:
    """Let no library log what the agent says in its own words."""
    for name in ("asyncua", "pymodbus"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _run(settings: AgentSettings, config: Path) -> None:
    stop, clock = stop_on_signals(), SystemClock()
    agent = Agent(settings, clock)
    running = asyncio.create_task(agent.run(stop))
    try:
        await supervise(agent, config, clock, stop)
    finally:
        stop.set()
        await running
