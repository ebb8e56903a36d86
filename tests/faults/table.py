"""The table of faults and what became of them, from the results of campaigns: `make campaign-faults-table` writes it into `docs/faults.md`.

python -m tests.faults.table RESULTS.jsonl… [--into docs/faults.md]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.faults.schedule import MEANING, Fault

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
Line = dict[str, Any]


def table(lines: Sequence[Line]) -> str:
    """A row for each kind of fault: how often it was played, in how many seeds, and in how many of those everything held."""
    newest = list({line["seed"]: line for line in lines}.values())
    held = sum(line["held"] for line in newest)
    setups = sorted({(line["setup"]["store"], line["setup"]["database"], line["setup"]["protocol"]) for line in newest})
    hours = sum(line["seconds"] for line in newest) / 3600
    head = (
        f"{len(newest)} seeds with {sum(len(line['events']) for line in newest)} faults in {hours:.1f} hours; {held} held, {len(newest) - held} did not. "
        f"Played on {', '.join(f'{store} with {database} over MQTT {protocol}' for store, database, protocol in setups)}."
    )
    rows = [
        "| fault | what happens | played | seeds | held | all back after, at most |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for fault in Fault:
        with_it = [line for line in newest if any(event["fault"] == fault for event in line["events"])]
        if with_it:
            played = sum(event["fault"] == fault for line in with_it for event in line["events"])
            kept = sum(line["held"] for line in with_it)
            back = max(max(line["back_s"].values(), default=0.0) for line in with_it)
            name = fault.value.replace("_", " ")
            rows.append(f"| {name} | {MEANING[fault]} | {played} | {len(with_it)} | {kept} | {back:.0f} s |")
    targets = _by_target(newest)
    rows += ["", "| hit | played | in seeds that held |", "|---|---:|---:|"]
    rows += [f"| `{target}` | {played} | {kept} |" for target, (played, kept) in sorted(targets.items())]
    return "\n".join([head, "", *rows])


def _by_target(lines: Iterable[Line]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for line in lines:
        for event in line["events"]:
            played, kept = found.get(event["target"], (0, 0))
            found[event["target"]] = played + 1, kept + line["held"]
    return found


def put_into(text: str, shown: str) -> str:
    """Replace what stands between the two marks. Raises ValueError where they are not there."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{BEGIN} and {END} are not there")
    return f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    shown = table([json.loads(line) for path in given.results for line in path.read_text().splitlines()])
    if given.into is None:
        print(shown)
    else:
        given.into.write_text(put_into(given.into.read_text(encoding="utf-8"), shown), encoding="utf-8")


if __name__ == "__main__":
    main()
