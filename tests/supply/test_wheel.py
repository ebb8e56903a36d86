"""The wheel is the same wherever and whenever it is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from supply.locks import ROOT
from supply.wheel import build_wheel, requirements_with, sha256_of

pytestmark = pytest.mark.servers


def copy_of_the_tree(folder: Path, *, backwards: bool, umask: int) -> Path:
    """What git keeps and the package needs, copied in another order, at another time, with other rights."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    names = [
        name for name in listed.decode().split("\0") if name and not name.startswith(("tests/", "docs/", "benchmarks/"))
    ]
    before = os.umask(umask)
    try:
        for place, name in enumerate(sorted(names, reverse=backwards)):
            if not (ROOT / name).exists():
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            os.utime(target, (1_000_000_000 + place, 1_000_000_000 + place) if backwards else None)
    finally:
        os.umask(before)
    return folder


def test_a_wheel_is_built_twice_byte_for_byte_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = copy_of_the_tree(tmp_path / "a", backwards=False, umask=0o022)
    there = copy_of_the_tree(tmp_path / "somewhere" / "else", backwards=True, umask=0o077)
    compiled = there / "vrijloop" / "__pycache__"
    compiled.mkdir()
    (compiled / "cli.cpython-311.pyc").write_bytes(b"compiled")
    first = build_wheel(here, tmp_path / "first")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    second = build_wheel(there, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    assert sha256_of(first) in requirements_with(first, "")
