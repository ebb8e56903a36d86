"""`make wheel`: the wheel, and files of requirements with which pip installs it and nothing but what is locked.

python -m supply.wheel [FOLDER]        default: dist
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from supply.locks import FOLDER, ROOT

INSTALLED = ("agent", "server")
"""The locks that are handed on with the wheel."""


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a source tree with the hatchling that is installed here. It depends on the content of the files alone: hatchling sorts them, and gives
    all of them the same time and rights."""
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder.resolve())]
    subprocess.run(command, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    (wheel,) = folder.glob("vrijloop-*.whl")
    return wheel


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def requirements_with(wheel: Path, lock: str) -> str:
    """A lock and the wheel itself, which lies beside it: `pip install --require-hashes -r` takes both, and nothing else."""
    return f"{lock}./{wheel.name} \\\n    --hash=sha256:{sha256_of(wheel)}\n"


def write_release(folder: Path) -> Path:
    """Returns the wheel. Older wheels in `folder` go."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("vrijloop-*.whl"):
        old.unlink()
    wheel = build_wheel(ROOT, folder)
    for name in INSTALLED:
        lock = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        (folder / f"{name}.txt").write_text(requirements_with(wheel, lock), encoding="utf-8")
    return wheel


if __name__ == "__main__":
    written = write_release(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist"))
    print(f"{written}\nsha256 {sha256_of(written)}")
