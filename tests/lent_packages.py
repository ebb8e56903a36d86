"""Packages of the tests' own environment, lent to a new one: pip finds them there and need not install them once more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from supply.installed import required

EVERYTHING_ANEW = bool(os.environ.get("VRIJLOOP_INSTALL_ALL"))
"""In `make campaign`: pip downloads and installs every package, as it does for a user."""


def lend_packages(environment: Path, *extras: str, builds: bool = False) -> None:
    """Make a virtual environment in which stands what `vrijloop[extras]` requires and no more: a package that the extras forget is not there.

    `builds`: and what builds Vrijloop.
    """
    if EVERYTHING_ANEW or not _same_python():
        return
    subprocess.run(["python3", "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    (packages,) = environment.glob("lib/python*/site-packages")
    lent = [one for one, _ in required("vrijloop", extras) if one.name != "vrijloop"]
    for one in [*lent, *([one for one, _ in required("hatchling")] if builds else ())]:
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
