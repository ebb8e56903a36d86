"""What several commands of the agent share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry import load_settings

if TYPE_CHECKING:
    from edge_agent.configuration import AgentTable
    from edge_agent.sources.opcua_security import Pki

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The agent's TOML configuration.")]


def identity(config: Path) -> AgentTable:
    """The `[agent]` table alone. Raises UserError."""
    from edge_agent.configuration import AgentIdentity

    return load_settings(config, AgentIdentity).agent


def pki_of(data_dir: Path) -> Pki:
    """The folder with keys and certificates."""
    from edge_agent.agent import PKI_FOLDER
    from edge_agent.sources.opcua_security import Pki

    return Pki(data_dir / PKI_FOLDER)
