"""The operator's file of identity providers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sharing_platform.identity_providers import ProviderSettings
from telemetry import UserError
from tests.sign_in.openid_provider import SECRET
from vrijloop.platform_server import read_identity_providers

RIGHT = """
[[provider]]
name = "hal-2"
label = "Hal 2"
issuer = "https://login.hal2.example"
client_id = "vrijloop"
client_secret_file = "hal-2.secret"
organisation = "hal-2"
email_domains = ["hal2.be"]
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("https://login", "http://login"), "must begin with https://"), (('["hal2.be"]', "[]"), "email_domains"), (('["hal2.be"]', '["*"]'), "email_domains"),
        (('"hal-2"\nlabel', '"Hal 2"\nlabel'), "name"), (("label", "lable"), "lable"), ((RIGHT, RIGHT * 2), "same `name`"),
        (("hal-2.secret", "none.secret"), "cannot be read"), (("hal-2.secret", "open.secret"), "chmod 640"), (("hal-2.secret", "empty.secret"), "missing"),
    ],
    ids=lambda one: str(one)[:30],
)  # fmt: skip
def test_the_operators_file(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    for name, content, mode in (("hal-2", SECRET, 0o640), ("open", SECRET, 0o644), ("empty", "\n", 0o600)):
        (tmp_path / f"{name}.secret").write_text(content)
        (tmp_path / f"{name}.secret").chmod(mode)
    file = tmp_path / "providers.toml"
    file.write_text(RIGHT)
    (found,) = read_identity_providers(file)
    assert found.client_secret == SECRET
    assert SECRET not in repr(found)
    file.write_text(RIGHT.replace(*change))
    with pytest.raises(UserError) as refused:
        read_identity_providers(file)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


def test_no_provider_is_asked_without_tls() -> None:
    settings = {
        "name": "x",
        "label": "X",
        "client_id": "x",
        "client_secret_file": "x",
        "organisation": "x",
        "email_domains": ["x.be"],
    }
    for issuer in (
        "http://login.example.com",
        "https://user@login.example.com",
        "ftp://x.be",
        "login.example.com",
        "https://x.be?y=1",
    ):
        with pytest.raises(ValidationError):
            ProviderSettings.model_validate({**settings, "issuer": issuer})
