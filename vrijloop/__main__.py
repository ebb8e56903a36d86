"""The program `vrijloop`, also as `python -m vrijloop`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from vrijloop.program import run_program


def main() -> None:
    """Entry point."""
    config = _agent_to_run(sys.argv[1:])
    if config is None:
        from vrijloop.cli import main as command_line

        command_line()
    else:
        run_program(lambda: _run_agent(config))


def _agent_to_run(arguments: Sequence[str]) -> Path | None:
    """The configuration of `vrijloop agent run`, where that is the command and is written as usual; else the command line reads it."""
    match arguments:
        case ["agent", "run"]:
            return Path("agent.toml")
        case ["agent", "run", "--config" | "-c", config]:
            return Path(config)
    return None


def _run_agent(config: Path) -> None:
    # Without the command line, whose libraries take some megabytes: a gateway is small, and the agent runs for months.
    from edge_agent.runner import run_agent

    run_agent(config)


if __name__ == "__main__":
    main()
