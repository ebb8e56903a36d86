"""The locks: complete, of one piece, and used wherever something is installed."""

from __future__ import annotations

import itertools
import re
import subprocess
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.locks import APART, FOLDER, OF_EVERYTHING, ROOT, WANTED, Pin, changes, check_wheels, lock, read_lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted_by(name: str) -> list[Requirement]:
    """What `pyproject.toml` asks for in this lock."""
    options = WANTED[name]
    texts: list[str] = list(PROJECT["project"]["dependencies"]) if options[0] == "pyproject.toml" else []
    for option, value in itertools.pairwise(options):
        if option == "--extra":
            texts += PROJECT["project"]["optional-dependencies"][value]
        elif option == "--group":
            texts += PROJECT["dependency-groups"][value]
    requirements = [Requirement(text) for text in texts]
    # `all` is made of the other extras.
    own = [extra for one in requirements if one.name == "vrijloop" for extra in one.extras]
    inner = [Requirement(text) for extra in own for text in PROJECT["project"]["optional-dependencies"][extra]]
    return [one for one in [*requirements, *inner] if one.name != "vrijloop"]


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_has_what_the_project_asks_for(name: str) -> None:
    """`make update` was not forgotten after a change of `pyproject.toml`."""
    pins = lock(name)
    for one in wanted_by(name):
        locked = [pin.version for pin in pins if pin.name == canonicalize_name(one.name)]
        assert locked, f"{one} is not locked"
        assert all(one.specifier.contains(version, prereleases=True) for version in locked), (
            f"{one}: {locked} is locked"
        )


def test_the_locks_are_parts_of_one() -> None:
    everything = {(pin.name, pin.version, pin.sha256) for pin in lock(OF_EVERYTHING)}
    for name in WANTED.keys() - {OF_EVERYTHING, *APART}:
        assert {(pin.name, pin.version, pin.sha256) for pin in lock(name)} <= everything, name


def test_what_builds_the_package_is_locked() -> None:
    asked = {Requirement(text) for text in PROJECT["build-system"]["requires"]}
    assert asked <= {Requirement(text) for text in PROJECT["dependency-groups"]["build"]}


def test_locks_name_no_index() -> None:
    """Where packages come from is for those who install them to say; the hashes hold wherever that is."""
    for path in FOLDER.glob("*.txt"):
        options = [line for line in path.read_text().splitlines() if re.match(r"\s*--(?!hash=)", line)]
        assert options == [], path.name
        assert "://" not in path.read_text(), path.name


INSTALLERS = (
    "Dockerfile",
    "scripts/venv",
    "scripts/debian-walk",
    "docs/debian.md",
    "docs/technician.md",
    "docs/technician.nl.md",
)


@pytest.mark.parametrize("name", INSTALLERS)
def test_whoever_installs_asks_for_the_hashes(name: str) -> None:
    """Each `pip install` either takes a lock, whose files must have its hashes, or Vrijloop alone."""
    text = (ROOT / name).read_text()
    commands = [
        line.strip() for line in text.splitlines() if not line.strip().startswith(("#", "install=", "pip=", "echo"))
    ]
    installs = [line for line in commands if re.search(r"pip (\S+ )*install |^\$install ", line) and "`" not in line]
    installs = [
        line for line in installs if not line.endswith("install pip || {")
    ]  # Debian's python3 may come without it
    assert installs
    for line in installs:
        assert ("--require-hashes" in line and "-r " in line) or "--no-deps" in line, line
    assert "only-binary" in text.lower().replace("_", "-"), (
        "what has no wheel would be built by programs that nothing locks"
    )
    assert all("--no-build-isolation" in line or ".whl" in line for line in installs if "--no-deps" in line)


HASH = "--hash=sha256:" + 64 * "0"


@pytest.mark.parametrize(
    "text", ["numpy==2.0", f"numpy>=2.0 {HASH}", f"numpy {HASH}", "numpy==2.0 --hash=md5:0", f"numpy @ file:///tmp/numpy.whl {HASH}"]
)  # fmt: skip
def test_a_package_without_version_or_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="numpy"):
        read_lock(text)


def test_a_lock_says_where_a_package_is_needed() -> None:
    (pin,) = read_lock(f"# made\nwait-for2==0.4.1 ; python_full_version < '3.12' \\\n    {HASH} \\\n    {HASH}\n")
    assert (pin.name, pin.version, len(pin.sha256)) == ("wait-for2", "0.4.1", 2)
    assert pin.needed({"python_full_version": "3.11.2"})
    assert not pin.needed({"python_full_version": "3.13.9"})


def test_changes_are_told_by_name_and_version() -> None:
    def pins(*texts: str) -> list[Pin]:
        return read_lock("\n".join(f"{text} {HASH}" for text in texts))

    before, after = pins("a==1", "b==1", "c==1", "e==1"), pins("a==1", "b==2", "d==4", "e==1", "e==2")
    assert changes(before, after) == ["  b 1 -> 2", "- c 1", "+ d 4", "  e 1 -> 1, 2"]


@pytest.mark.servers
@pytest.mark.parametrize("lacks", ["nothing", "aarch64", "3.13"])
def test_a_package_without_a_wheel_for_some_platform_is_not_locked(tmp_path: Path, lacks: str) -> None:
    """uv, which asks the index, is a stand-in here."""
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\n')
    uv.chmod(0o755)
    with nullcontext() if lacks == "nothing" else pytest.raises(subprocess.CalledProcessError):
        check_wheels(uv, FOLDER)
