"""`make update`: newer packages, if everything works with them.

    python -m supply.update [PACKAGE ...]        default: all

Compiles the locks anew, says what is different, installs it, and runs the suite. If anything fails, what was locked before is there again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from supply.licences import PAGE
from supply.locks import APART, FOLDER, OF_EVERYTHING, ROOT, changes, check_wheels, compile_locks, read_lock

Step = Callable[[], bool]
"""Does something, and says whether it went well."""


def update(kept: Sequence[Path], compile_anew: Callable[[], None], install: Step, test: Step) -> bool:
    """Whether there is something newer with which everything works. `kept`: the files that are as they were before if not; the locks come first."""
    before = {path: path.read_bytes() for path in kept}
    done = False
    try:
        compile_anew()
        # A package that several locks have is named once.
        different = dict.fromkeys(line for path in kept for line in _changes(path, before[path]))
        if not different:
            print("Nothing newer.")
            return False
        print("\n".join(different))
        done = install() and test()
    finally:
        if not done:
            now = {path: path.read_bytes() for path in kept}
            for path, content in before.items():
                path.write_bytes(content)
            if now != before:
                print("The locks are as they were before; installing them again ...")
                install()
    return done


def _changes(path: Path, before: bytes) -> list[str]:
    if path.stem not in (OF_EVERYTHING, *APART):
        return []  # what is different there is so in the lock of everything, too
    return changes(read_lock(before.decode()), read_lock(path.read_text(encoding="utf-8")))


def _run(*command: str) -> bool:
    print("$ " + " ".join(command), flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(packages: Sequence[str]) -> int:
    tools = (
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
    )
    if not _run(sys.executable, *tools, str(FOLDER / "tools.txt")):
        return 1
    options = [f"--upgrade-package={one}" for one in packages] or ["--upgrade"]

    def compile_anew() -> None:
        uv = Path(sys.executable).with_name("uv")
        compile_locks(uv, FOLDER, options)
        check_wheels(uv, FOLDER)

    def test() -> bool:
        return _run("make", "licences") and _run("make", "test")

    kept = [*sorted(FOLDER.glob("*.txt")), PAGE]
    try:
        if not update(kept, compile_anew, lambda: _run("make", "install"), test):
            return 1
    except subprocess.CalledProcessError:
        print("uv cannot lock that; what was locked before is there again.")
        return 1
    print("Everything works with these. Commit locks/ and docs/licences.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
