"""The options of `vrijloop demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class DemoOptions:
    """The options of the command."""

    data_dir: Path
    port: int | None = None
    seed: int = 1
    weeks: int = 8
    broker: Literal["auto", "mosquitto", "amqtt"] = "auto"
    headless: bool = False
    replay: Path | None = None
    timezone: str = "UTC"
    skip_broken_rows: bool = False
    json_file: Path | None = None
