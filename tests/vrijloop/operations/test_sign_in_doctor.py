"""What the doctor says of signing in to the control room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telemetry import SystemClock, load_settings
from tests.servers import free_port
from tests.sign_in.openid_faults import another_issuer, keys_elsewhere, pages_elsewhere
from tests.sign_in.openid_provider import CLIENT, SECRET, Provider
from vrijloop.operations.sign_in_doctor import sign_in
from vrijloop.server_settings import ServerSettings


def found(folder: Path, more: str = "") -> list[tuple[str, str]]:
    config = folder / "server.toml"
    config.write_text(f'token_file = "x"\npolicy = "y"\n{more}')
    settings = load_settings(config, ServerSettings)
    return [(one.level, f"{one.said} {one.mend}") for one in sign_in(settings, SystemClock())]


@pytest.mark.parametrize(
    ("url", "level", "said"),
    [
        ("", "ok", "on this machine alone, at http://localhost:8341"), ('url = "https://control.hal2.be"', "ok", "Passkeys belong to control.hal2.be"),
        ('url = "http://control.hal2.be"', "warning", "there are no passkeys at this address"), ('url = "https://192.0.2.7"', "warning", "Give the control room a name with https"),
    ],
)  # fmt: skip
def test_where_passkeys_work(tmp_path: Path, url: str, level: str, said: str) -> None:
    ((found_level, sentence),) = found(tmp_path, url)
    assert (found_level, said in sentence) == (level, True), sentence


def table(folder: Path, issuer: str, mode: int = 0o640) -> str:
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(mode)
    return (
        f'url = "https://control.hal2.be"\n[identity_provider]\nlabel = "Hal 2"\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\n'
        f'client_secret_file = "{secret}"\n[identity_provider.allow]\nemails = ["an@hal2.be"]\n'
    )


@pytest.mark.parametrize(
    ("happens", "level", "said"),
    [
        (None, "ok", "The identity provider Hal 2 answers, and shows its keys."), (another_issuer, "wrong", "Write `issuer` exactly"),
        (pages_elsewhere, "wrong", "is not one of this provider's hosts"), (keys_elsewhere, "wrong", "is not one of this provider's hosts"),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)  # fmt: skip
def test_an_identity_provider(tmp_path: Path, provider: Provider, happens: Any, level: str, said: str) -> None:
    if happens is not None:
        happens(provider)
    _, (found_level, sentence) = found(tmp_path, table(tmp_path, provider.issuer))
    assert (found_level, said in sentence) == (level, True), sentence
    assert SECRET not in sentence


def test_a_provider_that_is_away_and_a_secret_that_others_can_read(tmp_path: Path, provider: Provider) -> None:
    _, (level, sentence) = found(tmp_path, table(tmp_path, f"http://127.0.0.1:{free_port()}"))
    assert (level, "cannot be asked" in sentence, "passkeys and tokens work" in sentence) == ("wrong", True, True)
    _, (level, sentence) = found(tmp_path, table(tmp_path, provider.issuer, 0o644))
    assert (level, "chmod 640" in sentence) == ("wrong", True)
