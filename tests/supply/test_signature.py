"""A release that is signed can be told from any other, by the commands that SECURITY.md names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from supply.locks import ROOT

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH's ssh-keygen"),
]
_SHOWN = re.search(r"<!-- verify -->\n```sh\n(.*?)```", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.DOTALL)
FILES = {"vrijloop-1-py3-none-any.whl": b"a wheel", "agent.txt": b"a lock", "vrijloop-wheel.cdx.json": b"{}"}


def new_key(folder: Path, name: str) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(command, check=True)
    return folder / name


def sign(folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "scripts" / "sign-release"), str(folder), key], capture_output=True, text=True)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A signed release, and beside it the public key in which whoever verifies it trusts."""
    folder, key = tmp_path / "dist", new_key(tmp_path, "maintainer")
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    done = sign(folder, str(key))
    assert done.returncode == 0, done.stderr
    public = key.with_suffix(".pub").read_text().split()[:2]
    (folder / "vrijloop-signers").write_text(f"release@vrijloop {' '.join(public)}\n")
    return folder


def verifies(folder: Path) -> bool:
    assert _SHOWN is not None
    return subprocess.run(["bash", "-e", "-c", _SHOWN[1]], cwd=folder, capture_output=True).returncode == 0


def _signed_by_another(folder: Path) -> None:
    sign(folder, str(new_key(folder.parent, "somebody")))


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (lambda folder: None, True),
        (lambda folder: (folder / "agent.txt").write_bytes(b"another lock"), False),
        (lambda folder: (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text() + "\n"), False),
        (lambda folder: (folder / "SHA256SUMS.sig").unlink(), False),
        (_signed_by_another, False),
    ],
    ids=["as it was signed", "another file", "other hashes", "no signature", "somebody else's signature"],
)
def test_what_was_not_signed_is_refused(release: Path, change: Callable[[Path], object], holds: bool) -> None:
    change(release)
    assert verifies(release) is holds


def test_each_file_is_in_the_list_and_signing_again_replaces_it(release: Path) -> None:
    (release / "vrijloop-signers").unlink()
    assert sign(release, str(release.parent / "maintainer")).returncode == 0
    assert [line.split()[1] for line in (release / "SHA256SUMS").read_text().splitlines()] == sorted(FILES)


def test_without_a_key_it_says_which_is_needed(tmp_path: Path) -> None:
    done = sign(tmp_path, "")
    assert (done.returncode, "maintainer's private key" in done.stderr) == (2, True)


def test_an_empty_folder_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    done = sign(tmp_path / "dist", str(new_key(tmp_path, "maintainer")))
    assert done.returncode != 0
    assert "no files" in done.stderr
    assert list((tmp_path / "dist").iterdir()) == []
