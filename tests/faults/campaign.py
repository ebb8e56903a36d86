"""Plays seeds of faults: `make campaign-faults SEEDS=1000`, or one that did not hold again with `SEED=417`.

    python -m tests.faults.campaign [--seeds N] [--first N] [--seed N | --seed N-M] [--hours H] [--results FILE] [--before TREE] [--jobs N]

Seeds are played in tens on the same processes, with `--jobs` so many tens at once. Each gives a line of JSON in the results; those that are there already are not played again. `--before`: the source
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
    wanted = [seed for seed in range(given.first, given.first + given.seeds) if seed not in known]
    part, of = given.share
    return [seed for seed in wanted if region_of(seed) % of == part]


def share_of(text: str) -> tuple[int, int]:
    part, _, of = text.partition("/")
    return int(part), int(of)


def play_shares(jobs: int) -> int:
    """In so many processes; returns how many of them found seeds that did not hold, or ended otherwise."""
    command = [sys.executable, "-m", "tests.faults.campaign", *sys.argv[1:], "--jobs", "1"]
    shares = [subprocess.Popen([*command, "--share", f"{part}/{jobs}"], cwd=ROOT) for part in range(jobs)]

    def end(*_: object) -> None:
        for share in shares:
            share.terminate()

    signal.signal(signal.SIGTERM, end)
    return sum(share.wait() != 0 for share in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", help="one, or several as 411-417")
    parser.add_argument("--hours", type=float, default=1000.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--share", type=share_of, default=(0, 1), help="one of the jobs, as 2/4: their tens alone")
    given = parser.parse_args()
    if given.jobs > 1 and not given.seed:
        sys.exit(1 if play_shares(given.jobs) else 0)
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
