"""`vrijloop control-room add|list|remove`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analytics.api.people import PEOPLE_FILE, People
from telemetry import UserError
from tests.vrijloop.command_line import invoke


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "server.toml"
    path.write_text(
        f'data_dir = "{tmp_path}/server"\ntoken_file = "{tmp_path}/token"\npolicy = "{tmp_path}/policy.toml"\n'
        f'[platform]\nurl = "http://127.0.0.1:1"\ntoken_file = "{tmp_path}/platform-token"\n'
    )
    return path


def test_a_token_is_printed_once(config: Path, tmp_path: Path) -> None:
    token = invoke("control-room", "add", "Eva", "-c", config).strip()
    assert len(token) >= 40
    people = People(tmp_path / "server" / PEOPLE_FILE)
    found = people.of_token(token)
    people.close()
    assert found is not None
    assert found.name == "Eva"
    for listed in (
        invoke("control-room", "list", "-c", config),
        invoke("control-room", "list", "--json", "-c", config),
    ):
        assert "Eva" in listed
        assert token not in listed
        assert found.id not in listed
    with pytest.raises(UserError, match="already"):
        invoke("control-room", "add", "eva", "-c", config)


def test_a_person_is_removed_by_name(config: Path) -> None:
    for name in ("Eva", "Jan Peeters"):
        invoke("control-room", "add", name, "-c", config)
    assert "can no longer sign in" in invoke("control-room", "remove", "jan peeters", "-c", config)
    listed = json.loads(invoke("control-room", "list", "--json", "-c", config))
    assert [(one["name"], one["passkeys"]) for one in listed] == [("Eva", 0)]
    with pytest.raises(UserError, match="nobody named 'Jan'"):
        invoke("control-room", "remove", "Jan", "-c", config)
    invoke("control-room", "remove", "Eva", "-c", config)
    assert "Nobody has a token" in invoke("control-room", "list", "-c", config)
