"""Backups that only the holder of a private key can open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyrage import x25519
from sqlalchemy import create_engine

from sharing_platform.database import migrate
from telemetry import SystemClock, UserError
from tests.vrijloop.command_line import invoke
from tests.vrijloop.operations.test_backup import configuration, fill, held
from vrijloop.operations.doctor import backups, examine

IN_PLAIN = (b"SQLite format 3", b"CREATE TABLE", b"manifest.json", b"people.sqlite")
"""Long enough that no encryption writes them by chance."""


def key_pair(folder: Path, name: str = "key.txt") -> tuple[Path, str]:
    private = folder / name
    said = invoke("backup-key", private)
    secret = private.read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in said
    assert private.stat().st_mode & 0o077 == 0
    return private, said.splitlines()[0]


def test_what_is_encrypted_is_restored_with_the_private_key_alone(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    fill(config)
    before = held(config)
    (private, public), (other, _) = key_pair(tmp_path), key_pair(tmp_path, "other.txt")
    kept = tmp_path / "elsewhere" / "b.tar.age"
    assert "encrypted for 1 key" in invoke("backup", kept, "-c", config, "--recipient", public)
    sealed = kept.read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert not [text for text in IN_PLAIN if text in sealed]
    invoke("backup", tmp_path / "plain.tar", "-c", config)
    assert not [text for text in IN_PLAIN if text not in (tmp_path / "plain.tar").read_bytes()]
    assert kept.stat().st_mode & 0o077 == 0
    assert [one.name for one in kept.parent.iterdir()] == [kept.name]
    assert not list((tmp_path / "server").glob(".vrijloop-*"))
    shutil.rmtree(tmp_path / "server")
    (kept.parent / "cut.age").write_bytes(sealed[:-20])
    (kept.parent / "changed.age").write_bytes(sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:])
    (kept.parent / "head.age").write_bytes(sealed[:60])
    refused: list[tuple[Path, list[str | Path], str]] = [
        (kept, [], "is encrypted: name the file with the private key"),
        (kept, ["--identity", other], "no key in .*other.txt opens it"),
        (kept, ["--identity", tmp_path / "none.txt"], "none.txt: the key cannot be read"),
        (kept, ["--identity", config], "is no file with private keys"),
        (kept.parent / "cut.age", ["--identity", private], "is damaged or incomplete"),
        (kept.parent / "changed.age", ["--identity", private], "is damaged or incomplete"),
        (kept.parent / "head.age", ["--identity", private], "is damaged or incomplete"),
    ]
    for file, options, sentence in refused:
        with pytest.raises(UserError, match=sentence):
            invoke("restore", file, "-c", config, *options)
    assert not (tmp_path / "server").exists()
    (tmp_path / "both.txt").write_text(other.read_text() + private.read_text())
    invoke("restore", kept, "-c", config, "--identity", tmp_path / "both.txt")
    assert held(config) == before
    assert not list(tmp_path.glob("**/.vrijloop-*"))


def test_a_platform_is_backed_up_for_two_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/platform.sqlite")
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()
    pairs = [key_pair(tmp_path, name) for name in ("one.txt", "two.txt")]
    monkeypatch.setenv("VRIJLOOP_BACKUP_RECIPIENTS", " ".join(public for _, public in pairs))
    database = "--platform-database", f"sqlite:///{tmp_path}/platform.sqlite"
    assert "encrypted for 2 keys" in invoke("backup", tmp_path / "b.age", *database)
    for place, (private, _) in enumerate(pairs):
        restored = "--platform-database", f"sqlite:///{tmp_path}/{place}.sqlite"
        invoke("restore", tmp_path / "b.age", *restored, "--identity", private)
        assert (tmp_path / f"{place}.sqlite").stat().st_size > 100_000


def test_the_servers_configuration_names_the_keys_and_the_doctor_reads_them(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    fill(config)
    _, public = key_pair(tmp_path)
    plain = config.read_text()
    config.write_text(f'backup_recipients = ["{public}"]\n{plain}')
    assert "encrypted for 1 key" in invoke("backup", tmp_path / "b.tar", "-c", config)
    assert backups([public]).said == "They are encrypted for 1 key."
    assert (backups([]).level, "not encrypted" in backups([]).said) == ("ok", True)
    good = (tmp_path / "b.tar").read_bytes()
    mistyped = public[:-1] + ("q" if public[-1] != "q" else "p")
    config.write_text(f'backup_recipients = ["{mistyped}"]\n{plain}')
    said = [one for one in examine(config, SystemClock()) if one.area == "backups"]
    assert [one.level for one in said] == ["wrong"]
    with pytest.raises(UserError, match="is no public key"):
        invoke("backup", tmp_path / "b.tar", "-c", config)
    assert (tmp_path / "b.tar").read_bytes() == good, "never one that is not encrypted, in its place"


def test_a_private_key_that_was_pasted_by_mistake_is_shown_to_nobody(tmp_path: Path) -> None:
    private, config = str(x25519.Identity.generate()), configuration(tmp_path)
    with pytest.raises(UserError, match="no public key") as refused:
        invoke("backup", tmp_path / "b.tar", "-c", config, "--recipient", private)
    config.write_text(f'backup_recipients = ["{private}"]\n{config.read_text()}')
    with pytest.raises(UserError, match="write public keys") as refused_too:
        invoke("backup", tmp_path / "b.tar", "-c", config)
    assert "SECRET-KEY" not in f"{refused.value}{refused_too.value}"


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    private, _ = key_pair(tmp_path)
    before = private.read_text()
    with pytest.raises(UserError, match="File exists"):
        invoke("backup-key", private)
    assert private.read_text() == before
