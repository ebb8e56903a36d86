"""Packages of the tests' own environment, lent to a new one: pip finds them there and need not install them once more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

EVERYTHING_ANEW = bool(os.environ.get("VRIJLOOP_INSTALL_ALL"))
"""In `make campaign`: pip downloads and installs every package, as it does for a user."""


def lend_packages(environment: Path, *extras: str) -> None:
    """Make a virtual environment in which stands what `vrijloop[extras]` requires and no more: a package that the extras forget is not there."""
    if EVERYTHING_ANEW or not _same_python():
        return
    subprocess.run(["python3", "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    (packages,) = environment.glob("lib/python*/site-packages")
    for one in _required("vrijloop", extras):
        for file in one.files or ():
            top = file.parts[0]
            source = Path(str(one.locate_file(top)))
            if top != ".." and source.exists() and not (packages / top).exists():
                (packages / top).symlink_to(source)


def _same_python() -> bool:
    """Whether what is compiled for the tests' Python fits the one of the path."""
    tag = "import sys; print(sys.implementation.cache_tag)"
    done = subprocess.run(["python3", "-c", tag], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() == sys.implementation.cache_tag


def _required(name: str, extras: tuple[str, ...]) -> Iterator[Distribution]:
    """What it requires, and what that requires in turn; not itself."""
    waiting, seen = [(name, extra) for extra in ("", *extras)], set[tuple[str, str]]()
    yielded = {name}
    while waiting:
        now = waiting.pop()
        if now in seen:
            continue
        seen.add(now)
        found = distribution(now[0])
        if now[0] not in yielded:
            yielded.add(now[0])
            yield found
        for text in found.requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": now[1]}):
                waiting += [(wanted.name, extra) for extra in ("", *wanted.extras)]
