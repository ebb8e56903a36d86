"""`make vulnerabilities`: the known vulnerabilities of every package that is locked, looked up in OSV (osv.dev) by pip-audit, which is installed apart.

    python -m supply.vulnerabilities PIP_AUDIT [OSV_URL]

Exit code 1 if there are any, 2 if they could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from supply.locks import FOLDER, OF_EVERYTHING, lock

NOT_LOOKED_UP = 2
Run = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """A vulnerability of a package that is locked. `mended_in`: versions; empty where there is none yet."""

    name: str
    version: str
    id: str
    mended_in: tuple[str, ...]


class LookUpError(Exception):
    """Nobody answered; the message says why."""


def look_up(run: Run) -> list[Vulnerable]:
    """Those of all packages that are locked. Raises LookUpError, also where a package was left out: silence is no good news."""
    done = run([f"--requirement={FOLDER / OF_EVERYTHING}.txt"])
    try:
        rows = json.loads(done.stdout)["dependencies"]
        names = {canonicalize_name(row["name"]) for row in rows if "skip_reason" not in row}
        found = [
            Vulnerable(row["name"], row["version"], one["id"], tuple(one["fix_versions"]))
            for row in rows
            for one in row.get("vulns", ())
        ]
    except (ValueError, KeyError, TypeError):
        said = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        raise LookUpError(said[-1]) from None
    if left_out := {pin.name for pin in lock(OF_EVERYTHING) if pin.needed({})} - names:
        raise LookUpError(f"nothing was said of {', '.join(sorted(left_out))}")
    return found


def main(look: Callable[[], Sequence[Vulnerable]]) -> int:
    try:
        found = look()
    except LookUpError as error:
        print(f"Known vulnerabilities could not be looked up: {error}\nThis needs a connection to osv.dev.")
        return NOT_LOOKED_UP
    for one in found:
        mended = f"mended in {', '.join(one.mended_in)}" if one.mended_in else "not mended yet"
        print(f"{one.name} {one.version}: {one.id}, {mended}: https://osv.dev/vulnerability/{one.id}")
    if found:
        print("`make update ONLY=NAME` takes newer ones if the suite passes with them.")
    else:
        print(f"No known vulnerability in {len(lock(OF_EVERYTHING))} packages.")
    return 1 if found else 0


def _pip_audit(program: Path, service: Sequence[str]) -> Run:
    options = ("--require-hashes", "--disable-pip", "--vulnerability-service=osv", "--format=json", "--desc=off", "--progress-spinner=off")  # fmt: skip
    return lambda files: subprocess.run(
        [str(program), *options, *service, *files], capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    where = [f"--osv-url={one}" for one in sys.argv[2:]]
    sys.exit(main(lambda: look_up(_pip_audit(Path(sys.argv[1]), where))))
