"""Whom the control room lets in of those that an identity provider vouches for, and what the log calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from analytics.api.provider_settings import Allowed, IdentityProviderTable
from telemetry import UserError, load_settings
from vrijloop.server_settings import ServerSettings

EVA = {"sub": "248289761001", "name": "Eva Maes", "email": "eva@hal2.be"}


def table(**allow: Any) -> IdentityProviderTable:
    return IdentityProviderTable(
        label="Hal 2", issuer="https://login.hal2.be", client_id="x", client_secret_file=Path("x"), allow=Allowed(**allow)
    )  # fmt: skip


BY_MAIL, BY_GROUP = {"emails": ["Eva@Hal2.be"]}, {"groups": ["control-room"]}


@pytest.mark.parametrize(
    ("allow", "claims", "verified", "name"),
    [
        (BY_MAIL, {}, True, "Eva Maes (eva@hal2.be)"), (BY_MAIL, {"email": "EVA@hal2.BE"}, True, "Eva Maes (eva@hal2.be)"),
        (BY_MAIL, {}, False, None), (BY_MAIL, {"email": "jan@hal2.be"}, True, None), (BY_MAIL, {"email": None}, True, None),
        (BY_MAIL, {"email": ["eva@hal2.be"]}, True, None), (BY_MAIL, {"groups": ["control-room"], "email": "jan@hal2.be"}, True, None),
        (BY_GROUP, {}, True, None), (BY_GROUP, {"groups": ["staff"]}, True, None), (BY_GROUP, {"groups": "control-room-2"}, True, None),
        (BY_GROUP, {"groups": {"control-room": True}}, True, None), (BY_GROUP, {"groups": None}, True, None),
        (BY_GROUP, {"groups": ["staff", "control-room"]}, True, "Eva Maes (eva@hal2.be)"), (BY_GROUP, {"groups": "control-room"}, True, "Eva Maes (eva@hal2.be)"),
        (BY_GROUP, {"groups": ["control-room", 7, None]}, False, "Eva Maes (248289761001)"),
        ({**BY_GROUP, "groups_claim": "roles"}, {"groups": ["control-room"]}, True, None),
        ({**BY_GROUP, "groups_claim": "roles"}, {"roles": ["control-room"]}, True, "Eva Maes (eva@hal2.be)"),
        ({**BY_MAIL, **BY_GROUP}, {}, True, "Eva Maes (eva@hal2.be)"),
        (BY_MAIL, {"name": None}, True, "eva@hal2.be"), (BY_MAIL, {"name": "Eva\nMaes"}, True, "Eva Maes (eva@hal2.be)"), (BY_MAIL, {"name": "x" * 61}, True, "eva@hal2.be"),
        (BY_MAIL, {"name": "Jan (jan@hal2.be)"}, True, "eva@hal2.be"), (BY_MAIL, {"name": "\u202eavE"}, True, "eva@hal2.be"),
        (BY_MAIL, {"name": "the server's token"}, True, "the server's token (eva@hal2.be)"),
        (BY_GROUP, {"groups": "control-room", "email": "eva\n@hal2.be", "name": None}, True, "248289761001"),
    ],
    ids=str,
)  # fmt: skip
def test_who_may_come_in(allow: dict[str, Any], claims: dict[str, Any], verified: bool, name: str | None) -> None:
    assert table(**allow).admit({**EVA, **claims}, verified) == name


def test_nobody_named_is_not_everybody() -> None:
    with pytest.raises(ValidationError, match="name who may come in"):
        table()


CONFIG = """
token_file = "token"
policy = "policy.toml"
url = "https://control.hal2.be"
[identity_provider]
label = "Hal 2"
issuer = "https://login.hal2.be"
client_id = "vrijloop"
client_secret_file = "secret"
[identity_provider.allow]
emails = ["eva@hal2.be"]
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('url = "https://control.hal2.be"\n', ""), "needs `url`"), (("https://control", "ftp://control"), "the address at which people open"),
        (("hal2.be\"\n[", "hal2.be/room\"\n["), "host and port alone"), (("https://login", "http://login"), "must begin with https://"),
        (('emails = ["eva@hal2.be"]', ""), "name who may come in"), (("eva@hal2.be", "eva"), "emails"), (('label = "Hal 2"\n', ""), "label"),
        (('[identity_provider.allow]', 'session = "1min"\n[identity_provider.allow]'), "session"),
        (('[identity_provider.allow]', 'session = "2d"\n[identity_provider.allow]'), "session"),
        (('[identity_provider.allow]', 'more_scopes = ["a b"]\n[identity_provider.allow]'), "more_scopes"),
    ],
    ids=lambda one: str(one)[:40],
)  # fmt: skip
def test_the_servers_configuration(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    file = tmp_path / "server.toml"
    file.write_text(CONFIG)
    assert load_settings(file, ServerSettings).identity_provider is not None
    assert change[0] in CONFIG
    file.write_text(CONFIG.replace(*change, 1))
    with pytest.raises(UserError) as refused:
        load_settings(file, ServerSettings)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://control.hal2.be/", "https://control.hal2.be"), ("https://control.hal2.be:8443/control", "https://control.hal2.be:8443"),
        (None, "http://127.0.0.1:8341"),
    ],
)  # fmt: skip
def test_the_public_address(url: str | None, public: str) -> None:
    assert ServerSettings(token_file=Path("x"), policy=Path("y"), url=url).public_url == public
