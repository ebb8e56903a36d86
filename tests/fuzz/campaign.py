"""Fuzzes targets with atheris, each in a process of its own: `python -m tests.fuzz.campaign [--seconds 3600] [--keep] [TARGET …]`, as `make fuzz` does.

What it finds lies in `.fuzz/<target>/findings/` afterwards, one input for each fault. With `--keep`, inputs that reach lines that none of the corpus does join the
corpus, as far as there is room. Written down in docs/decisions/0070-hostile-input.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.fuzz.target import CORPUS, ROOT, Limits, Target

WORK = ROOT / ".fuzz"
WATCHED = ["telemetry", "sign_in", "stores", "edge_agent", "ingest", "analytics", "sharing_platform", "vrijloop.operations", "tarfile", "pymodbus", "icalendar", "recurring_ical_events", "dateutil", "yaml", "tomllib"]  # fmt: skip
"""The packages whose branches guide the search."""
PATIENCE = 4.0
"""So many times slower is code that is watched. What is found is tried once more as it is."""
MOST_CORPUS_BYTES, MOST_INPUT_BYTES = 40_000, 4_000
"""Of a target, kept in the repository; and of an input that joins it."""
_STUCK_S = 60
"""Of what no Python code can interrupt."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("targets", nargs="*")
    asked.add_argument("--seconds", type=int, default=3600)
    asked.add_argument("--keep", action="store_true", help="let inputs that reach more join the corpus")
    asked.add_argument(
        "--inside", choices=("fuzz", "again", "keep"), help="do this here, in this process, with one target"
    )
    options = asked.parse_args()
    if options.inside is not None:
        {"fuzz": _fuzz, "again": _try_again, "keep": _keep_inputs}[options.inside](options.targets[0], options.seconds)
        return
    known = [folder.name for folder in sorted(CORPUS.iterdir())]
    if unknown := sorted({*options.targets} - {*known}):
        sys.exit(f"no such target: {', '.join(unknown)}. There are: {', '.join(known)}.")
    found = sum(_run(name, options.seconds, options.keep) for name in options.targets or known)
    sys.exit(1 if found else 0)


def _run(name: str, seconds: int, keep: bool) -> int:
    """One target, for so long; returns how many faults were found. A process that dies of an input leaves it behind, and is started again."""
    folder = WORK / name
    shutil.rmtree(folder / "findings", ignore_errors=True)
    (folder / "findings").mkdir(parents=True)
    (folder / "reached").mkdir(exist_ok=True)
    until = time.monotonic() + seconds
    while (left := int(until - time.monotonic())) > 1 and _child("fuzz", name, left) != 0:
        pass
    _child("again", name, 0)
    if keep:
        _child("keep", name, 0)
    findings = sorted((folder / "findings").glob("*.txt"))
    for one in findings:
        print(f"{name}: {one.read_text().splitlines()[0]}  ({one.relative_to(ROOT)})", flush=True)
    dead = [one for one in (folder / "findings").iterdir() if one.name.startswith(("crash-", "timeout-", "oom-"))]
    for one in dead:
        print(f"{name}: the process died of {one.relative_to(ROOT)}; see {(folder / 'log').relative_to(ROOT)}")
    if not findings and not dead:
        print(f"{name}: nothing found in {seconds} s", flush=True)
    return len(findings) + len(dead)


def _child(what: str, name: str, seconds: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz.campaign", "--inside", what, "--seconds", str(seconds), name]
    with (WORK / name / "log").open("ab") as log:
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False).returncode


def _try_again(name: str, _: int) -> None:
    """Forget what was only found because code is slower while it is watched."""
    from tests.fuzz.targets import TARGETS

    for said in sorted((WORK / name / "findings").glob("*.txt")):
        finding = Limits(TARGETS[name]).attempt(said.with_suffix("").read_bytes())
        if finding is None:
            said.with_suffix("").unlink()
            said.unlink()


def _keep_inputs(name: str, _: int) -> None:
    """The shortest inputs that reach further lines, as long as there is room."""
    from tests.fuzz.targets import TARGETS

    fuzzed = TARGETS[name]
    corpus = fuzzed.corpus
    reached = {line for data in corpus for line in _lines_of(fuzzed, data)}
    room = MOST_CORPUS_BYTES - sum(map(len, corpus))
    for file in sorted((WORK / name / "reached").iterdir(), key=lambda one: one.stat().st_size):
        data = file.read_bytes()
        if len(data) > min(room, MOST_INPUT_BYTES):
            break
        further = _lines_of(fuzzed, data) - reached
        if further:
            (CORPUS / name / hashlib.sha256(data).hexdigest()[:10]).write_bytes(data)
            reached |= further
            room -= len(data)


def _lines_of(fuzzed: Target, data: bytes) -> set[tuple[str, int]]:
    """The lines of our own code that an input reaches."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if not name.startswith(str(ROOT)) or ".venv" in name:
            return None
        lines.add((name, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        Limits(fuzzed, PATIENCE).attempt(data)
    finally:
        sys.settrace(None)
    return lines


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        from tests.fuzz.targets import TARGETS
    fuzzed = TARGETS[name]
    limits = Limits(fuzzed, PATIENCE)
    known: set[str] = set()

    def one(data: bytes) -> None:
        finding = limits.attempt(data)
        if finding is not None and finding.where not in known:
            known.add(finding.where)
            _keep_finding(fuzzed, data, f"{finding.where}: {finding.said}\n\n{finding.trace}")

    reached = WORK / name / "reached"
    arguments = [
        sys.argv[0], f"-max_total_time={seconds}", f"-timeout={_STUCK_S}", "-rss_limit_mb=0", "-max_len=65536", "-len_control=50",
        f"-artifact_prefix={WORK / name / 'findings'}{os.sep}", str(reached), str(CORPUS / name),
    ]  # fmt: skip
    if (words := CORPUS.parent / "words" / f"{name}.txt").exists():
        arguments.insert(1, f"-dict={words}")
    atheris.Setup(arguments, one)
    atheris.Fuzz()


def _keep_finding(fuzzed: Target, data: bytes, said: str) -> None:
    name = hashlib.sha256(data).hexdigest()[:12]
    folder = WORK / fuzzed.name / "findings"
    (folder / name).write_bytes(data)
    (folder / f"{name}.txt").write_text(said, encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
