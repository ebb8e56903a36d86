"""How far the script of the demo's region has come, in a file of the demo's folder: the demo and the platform, which plays it, tell each other."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path

_FILE = "region-progress"


class Progress(StrEnum):
    """`WAITS`: the fortnight has been played, and hours of the factories are waited for. `ON_OFFER`: those are there."""

    FORTNIGHT = "fortnight"
    WAITS = "waits"
    ON_OFFER = "on offer"
    PLAYED = "played"


def progress_in(folder: Path) -> Progress | None:
    """None where nothing was played: in a new folder, and in one that was made before there was a script."""
    try:
        return Progress((folder / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def note(folder: Path, progress: Progress) -> None:
    written = folder / f"{_FILE}.new"
    written.write_text(progress, encoding="utf-8")
    written.replace(folder / _FILE)


def begin(folder: Path) -> bool:
    """Whether the script is to be played from its beginning. What was played in part is thrown away, since nobody is signed in any more who could go on."""
    before, database = progress_in(folder), folder / "platform.sqlite"
    if before is Progress.PLAYED or (before is None and database.exists()):
        return False
    for file in folder.glob(f"{database.name}*"):
        file.unlink()
    shutil.rmtree(folder / "mail", ignore_errors=True)
    note(folder, Progress.FORTNIGHT)
    return True
