"""The files in `locks/`: the packages of each installation, with their versions and the hashes of their files, for every platform and Python version.

They are files of requirements as pip reads them, compiled by uv: `make update` compiles them anew. `develop.txt` comes first, and the others but those of `APART` are parts of it.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "locks"

OF_EVERYTHING = "develop"
"""The lock that all others are parts of: one package has one version everywhere."""

WANTED: Mapping[str, Sequence[str]] = {
    OF_EVERYTHING: ("pyproject.toml", "--extra", "all", "--extra", "test", "--group", "build"),
    "agent": ("pyproject.toml", "--extra", "edge"),
    "server": ("pyproject.toml", "--extra", "edge", "--extra", "server"),
    "build": ("--group", "build"),
    "tools": ("--group", "tools"),
    "audit": ("--group", "audit"),
    "fuzz": ("--group", "fuzz"),
}
"""Each lock, and what of `pyproject.toml` it locks."""

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
"""Those of gateways, servers and images. Debian 12 and the images' base are newer than what such wheels need."""

APART = frozenset({"tools", "audit", "fuzz"})
"""Locks of what is installed apart, or on one platform alone: no part of that of everything."""

_COMPILE = (
    "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--only-binary", ":all:",
    "--fork-strategy", "fewest", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make update",
)  # fmt: skip
"""`--fork-strategy`: a package has one version for all Pythons where there is one. `--only-binary`: a package that has no wheel would be built while it is installed, with programs of its own that nothing locks."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock. `sha256`: of each of its files, one of which is installed."""

    requirement: Requirement
    sha256: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    def needed(self, environment: Mapping[str, str]) -> bool:
        """Whether it is installed there; `environment` holds what is another there than here, such as `python_version`."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment))


def read_lock(text: str) -> list[Pin]:
    """The packages of a lock. Raises ValueError if a line is anything but one package with its version and its hashes."""
    pins = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        wanted, *hashes = line.split(" --hash=")
        requirement = Requirement(wanted)
        if [one.operator for one in requirement.specifier] != ["=="] or requirement.url is not None:
            raise ValueError(f"{wanted.strip()}: has no version of its own")
        if not hashes or any(not one.startswith("sha256:") for one in hashes):
            raise ValueError(f"{wanted.strip()}: has no hash")
        pins.append(Pin(requirement, tuple(one.removeprefix("sha256:").strip() for one in hashes)))
    return pins


def lock(name: str) -> list[Pin]:
    """The packages of a lock of this source tree."""
    return read_lock((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def compile_locks(uv: Path, folder: Path, options: Sequence[str] = ()) -> None:
    """Write the locks into `folder`. What is there stays as far as it still fits; with the options `--upgrade` or `--upgrade-package` it does not."""
    folder.mkdir(exist_ok=True)
    everything = folder / f"{OF_EVERYTHING}.txt"
    for name, wanted in WANTED.items():
        if name == OF_EVERYTHING:
            chosen = list(options)
        else:
            chosen = ["--constraints", str(everything), *(options if name in APART else ())]
        command = [str(uv), *_COMPILE, *wanted, *chosen, "--output-file", str(folder / f"{name}.txt")]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def check_wheels(uv: Path, folder: Path) -> None:
    """Raises CalledProcessError, after uv has said which package it is, if one of a lock has no wheel for an image's platform or a supported Python."""
    with TemporaryDirectory() as elsewhere:
        for name, python, platform in itertools.product(("agent", "server", OF_EVERYTHING), PYTHONS, PLATFORMS):
            command = [
                str(uv), "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", python, "--python-platform", platform,
                str(folder / f"{name}.txt"), "--output-file", str(Path(elsewhere, "found.txt")),
            ]  # fmt: skip
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            Path(elsewhere, "found.txt").unlink(missing_ok=True)


def changes(before: Sequence[Pin], after: Sequence[Pin]) -> list[str]:
    """What is different, a line for each package."""
    old, new = _versions(before), _versions(after)
    lines = []
    for name in sorted(old | new):
        was, now = old.get(name), new.get(name)
        if was is None:
            lines.append(f"+ {name} {now}")
        elif now is None:
            lines.append(f"- {name} {was}")
        elif was != now:
            lines.append(f"  {name} {was} -> {now}")
    return lines


def _versions(pins: Sequence[Pin]) -> dict[str, str]:
    """Of each package; several where no version is for all Pythons."""
    found: dict[str, list[str]] = {}
    for one in pins:
        found.setdefault(one.name, []).append(one.version)
    return {name: ", ".join(versions) for name, versions in found.items()}
