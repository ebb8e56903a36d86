"""Plays seeds of faults: `make campaign-faults SEEDS=1000`, or one that did not hold again with `SEED=417`.

    python -m tests.faults.campaign [--seeds N] [--first N] [--seed N | --seed N-M] [--hours H] [--results FILE] [--before TREE]

Seeds are played in tens on the same processes. Each gives a line of JSON in the results; those that are there already are not played again. `--before`: the source
tree of the version before, as which one process of each region begins.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.faults.schedule import Setup, region_of, schedule, setup_of
from tests.faults.stage import Stage, can_mount, told
from tests.servers import ROOT

RESULTS = ROOT / "vrijloop-faults.jsonl"
Line = dict[str, Any]


def play_all(
    seeds: Sequence[int], setup: Callable[[int], Setup], before: Path | None, done: Callable[[Line], bool]
) -> None:
    """Until `done` says that it is enough. What lies in the folder of a region on which a seed did not hold is kept."""
    stage: Stage | None = None
    played: list[int] = []
    try:
        for seed in seeds:
            if stage is not None and region_of(seed) != region_of(played[0]):
                stage.close()
                stage = None
            if stage is None:
                stage, played = Stage.opened(setup(seed), seed, before), []
            played.append(seed)
            line = stage.play(seed, schedule(seed, stage.region.setup)) | {"first": played[0]}
            if not line["held"]:
                stage.close(keep=True)
                stage = None
            if done(line):
                return
    finally:
        if stage is not None:
            stage.close()


def seeds_of(given: argparse.Namespace) -> list[int]:
    """Those that are to be played."""
    if given.seed:
        first, _, last = given.seed.partition("-")
        return list(range(int(first), int(last or first) + 1))
    known = set[int]()
    if given.results.exists():
        known = {json.loads(line)["seed"] for line in given.results.read_text().splitlines()}
    return [seed for seed in range(given.first, given.first + given.seeds) if seed not in known]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", help="one, or several as 411-417")
    parser.add_argument("--hours", type=float, default=1000.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--before", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disks = can_mount(Path(folder))
    if not disks:
        print("Small file systems cannot be mounted here: no disk is filled.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    failed, ends = 0, time.monotonic() + given.hours * 3600
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT).stdout.strip()

    def done(line: Line) -> bool:
        nonlocal failed
        failed += not line["held"]
        print(told(line), flush=True)
        if not given.seed:
            with given.results.open("a") as file:
                file.write(json.dumps(line | {"commit": commit}) + "\n")
        return bool(time.monotonic() > ends)

    play_all(
        seeds_of(given),
        lambda seed: setup_of(seed, disks=disks, upgrade=given.before is not None),
        given.before,
        done,
    )
    sys.exit(f"{failed} seeds did not hold" if failed else 0)


if __name__ == "__main__":
    main()
