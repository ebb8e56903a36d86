"""Newer packages stay if everything works with them, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from supply.update import update

HASH = "--hash=sha256:" + 64 * "0"
OLD, NEW = f"numpy==2.0 {HASH}\n", f"numpy==2.1 {HASH}\n"


@pytest.mark.parametrize(
    ("compiled", "installs", "passes", "kept", "installed"),
    [
        (NEW, True, True, NEW, [NEW]),
        (NEW, True, False, OLD, [NEW, OLD]),
        (NEW, False, True, OLD, [NEW, OLD]),
        (OLD, True, True, OLD, []),
    ],
    ids=["all is well", "a test fails", "it cannot be installed", "nothing is newer"],
)
def test_what_stays(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    compiled: str,
    installs: bool,
    passes: bool,
    kept: str,
    installed: list[str],
) -> None:
    lock, was_installed = tmp_path / "develop.txt", list[str]()
    lock.write_text(OLD)

    def install() -> bool:
        was_installed.append(lock.read_text())
        return installs

    def compile_anew() -> None:
        lock.write_text(compiled)

    done = update([lock], compile_anew, install, lambda: passes)
    assert done == (kept == NEW)
    assert lock.read_text() == kept
    assert was_installed == installed
    assert ("numpy 2.0 -> 2.1" in capsys.readouterr().out) == (compiled == NEW)


def test_a_package_of_several_locks_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locks = [tmp_path / name for name in ("audit.txt", "develop.txt")]
    for lock in locks:
        lock.write_text(OLD)

    def compile_anew() -> None:
        for lock in locks:
            lock.write_text(NEW)

    assert update(locks, compile_anew, lambda: True, lambda: True)
    assert capsys.readouterr().out.count("numpy 2.0 -> 2.1") == 1


def test_what_was_locked_comes_back_when_the_run_is_interrupted(tmp_path: Path) -> None:
    lock = tmp_path / "develop.txt"
    lock.write_text(OLD)

    def compile_anew() -> None:
        lock.write_text(NEW)

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update([lock], compile_anew, lambda: True, interrupted)
    assert lock.read_text() == OLD
