"""A region on which schedules of faults are played one after the other, and what is told of each."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from telemetry import SystemClock
from tests.disks import mount, unmount
from tests.faults.checks import check
from tests.faults.player import Player
from tests.faults.region import Region
from tests.faults.schedule import LENGTH_S, Event, Setup
from tests.faults.seekers import Seekers

_CLOCK = SystemClock()


class Stage:
    """A region on which schedules are played one after the other."""

    def __init__(self, folder: Path, setup: Setup, seed: int, before: Path | None = None) -> None:
        self.region = Region(folder, setup, seed, before)
        self.player, self.seekers = Player(self.region), Seekers(self.region)

    @classmethod
    def opened(cls, setup: Setup, seed: int, before: Path | None = None) -> Stage:
        """In a folder of its own, with everything running. Not below pytest's folders: PostgreSQL runs as a user of its own."""
        folder = Path(tempfile.mkdtemp(prefix="vrijloop-faults-"))
        folder.chmod(0o711)
        stage = cls(folder, setup, seed, before)
        try:
            stage.region.start()
        except BaseException:
            stage.close(keep=True)
            raise
        return stage

    def close(self, *, keep: bool = False) -> None:
        """`keep`: the folder, for who looks for what went wrong."""
        self.region.close(keep=keep)
        if not keep:
            shutil.rmtree(self.region.folder, ignore_errors=True)

    def play(self, seed: int, events: Sequence[Event], within_s: float = LENGTH_S / 2) -> dict[str, Any]:
        """Returns the line of the results. `within_s`: when hours are requested at the latest."""
        region, began, started = self.region, _CLOCK.now(), time.monotonic()
        ended_before = {name: len(service.ended) for name, service in region.supervisor.services.items()}
        with self.player.watching():
            seeking = threading.Thread(target=self.seekers.run, args=(seed, within_s))
            seeking.start()
            self.player.play(events)
            seeking.join()
            outcome = check(region, self.player, self.seekers, began)
        ended = {name: service.ended[ended_before[name] :] for name, service in region.supervisor.services.items()}
        self.seekers.problems.clear()
        return {
            "seed": seed,
            "setup": asdict(region.setup),
            "events": [asdict(event) for event in events],
            "held": not outcome.problems,
            "problems": outcome.problems,
            "back_s": outcome.back_s,
            "ended": {name: codes for name, codes in ended.items() if codes},
            "seconds": round(time.monotonic() - started, 1),
            "logs": str(region.folder),
        }


def can_mount(folder: Path) -> bool:
    if mounted := mount("1m", folder):
        unmount(folder)
    return mounted


def told(line: dict[str, Any]) -> str:
    """For people: what happened, the first difference, where the logs lie, and how to play it again."""
    head = f"seed {line['seed']:4}  {line['setup']['store']}, {line['setup']['database']}, MQTT {line['setup']['protocol']}: "
    if line["held"]:
        slowest = max(line["back_s"].values(), default=0.0)
        return f"{head}{len(line['events'])} faults, held; all back after {slowest:g} s ({line['seconds']:g} s)"
    events = [str(Event(**event)) for event in line["events"]]
    first = line.get("first", line["seed"])
    again = [f"make campaign-faults SEED={line['seed']}"]
    if first != line["seed"]:
        again.append(f"or, as it was after others, SEED={first}-{line['seed']}")
    return "\n  ".join(
        [
            f"{head}DID NOT HOLD",
            *events,
            "",
            *line["problems"][:10],
            "",
            f"logs: {line['logs']}",
            f"again: {' '.join(again)}",
        ]
    )
