"""Encrypts backups for the keys of those who may read them, in the format age (https://age-encryption.org/v1), and decrypts them.

Whoever makes a backup has the public keys alone, which open nothing: a server that is taken over gives no earlier backup away.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyrage

from telemetry import UserError

_MARK = b"age-encryption.org/v1\n"
_MAX_KEYS_BYTES = 65_536


def new_key(path: Path) -> str:
    """Write a new private key into a file that only its owner can read; returns the public key. Raises UserError, also where the file exists."""
    made = pyrage.x25519.Identity.generate()
    public = str(made.to_public())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"# Opens the backups that are encrypted for {public}\n{made}\n")
    except OSError as error:
        raise UserError(f"{path}: the key could not be written ({error.strerror}).") from error
    return public


def check_recipient(key: str) -> str:
    """Returns the key. Raises ValueError where it is no public key of age."""
    try:
        pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        shown = f"{key:.80}" if key.startswith("age1") else "what was given"  # which may be a private key
        raise ValueError(
            f"{shown} is no public key, which begins with age1: `vrijloop backup-key FILE` makes one"
        ) from None
    return key


def keys_in_words(number: int) -> str:
    return f"{number} key{'s' if number > 1 else ''}"


def encrypt(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Write `target`, readable by its owner alone; it is replaced in one step, once complete. Raises UserError."""
    keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    unfinished = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".vrijloop-backup-", dir=target.parent)
        unfinished = Path(name)
        with os.fdopen(handle, "wb") as made, source.open("rb") as plain:
            pyrage.encrypt_io(plain, made, keys)
        unfinished.replace(target)
    except OSError as error:
        raise UserError(
            f"{target}: the backup could not be written ({error}). The previous file is unchanged."
        ) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def is_encrypted(path: Path) -> bool:
    """False also for a file that cannot be read, which whoever reads it next says."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK
    except OSError:
        return False


def decrypt(source: Path, target: Path, keys: Path) -> None:
    """`keys`: a file with one private key a line, as `new_key` or age-keygen writes it. Raises UserError."""
    identities = _read_keys(keys)
    try:
        with source.open("rb") as sealed, target.open("wb") as plain:
            target.chmod(0o600)
            pyrage.decrypt_io(sealed, plain, identities)
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise UserError(f"{source}: no key in {keys} opens it. It was encrypted for others.") from None
        raise UserError(f"{source}: is damaged or incomplete ({error}). Use another backup.") from None
    except OSError as error:
        if error.errno is None:  # what the library says of contents that are not what was encrypted
            raise UserError(f"{source}: is damaged or incomplete ({error}). Use another backup.") from None
        raise UserError(f"{source}: could not be decrypted ({error}).") from error


def _read_keys(path: Path) -> list[pyrage.x25519.Identity]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_KEYS_BYTES).decode()
        lines = [line.strip() for line in text.splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except OSError as error:
        raise UserError(f"{path}: the key cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, pyrage.IdentityError):
        found = []
    if not found:
        # Never what stands in it.
        raise UserError(f"{path}: is no file with private keys, one a line, which begin with AGE-SECRET-KEY-1.")
    return found
