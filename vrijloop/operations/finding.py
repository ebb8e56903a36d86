"""What `vrijloop doctor` says of each thing that it has checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """A result: what was checked, how serious it is, and what to do about it. The field names are keys of `vrijloop doctor --json`."""

    area: str
    level: Level
    said: str
    mend: str = ""
