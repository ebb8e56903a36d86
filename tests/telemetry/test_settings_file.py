"""Errors in a configuration name the file, the line, the key and what was expected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.configuration import AgentSettings
from telemetry import UserError, format_duration, load_settings, parse_duration

GOOD = """\
[agent]
factory = "genk"
gateway = "gw-1"

[mqtt]
url = "mqtt://127.0.0.1:1883"

[[modbus]]
id = "pers-1"
host = "10.0.0.5"
template = "plc-status-word"

[[modbus]]
id = "pers-2"
host = "10.0.0.6"
template = "eastron-sdm630"
thresholds = { idle_below_w = 500, working_from_w = 800 }
"""


def error_for(folder: Path, text: str) -> str:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as wrong:
        load_settings(path, AgentSettings)
    return str(wrong.value)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(GOOD, encoding="utf-8")
    settings = load_settings(tmp_path / "agent.toml", AgentSettings)
    assert settings.machines == ["pers-1", "pers-2"]
    assert settings.modbus[0].poll_interval == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('gateway = "gw-1"', 'gatewy = "gw-1"', 3, "`agent.gatewy` is not a known key. Did you mean `gateway`?"),
        ('gateway = "gw-1"', "", 1, "`agent.gateway` is missing"),
        ('factory = "genk"', 'factory = "Genk!"', 2, "`agent.factory` = 'Genk!' is not accepted"),
        ('url = "mqtt://127.0.0.1:1883"', 'url = "tcp://x"', 6, 'write it as "mqtt://HOST:PORT"'),
        ('url = "mqtt://127.0.0.1:1883"', 'url = "mqtt://me:secret@x"', 6, "a password does not belong in a URL"),
        ('host = "10.0.0.6"', 'host = "10.0.0.6"\npoll_interval = "1 hour"', 16, "is not a duration"),
        ('template = "plc-status-word"', 'template = "sdm"', 11, "there is no device template 'sdm'"),
        ("working_from_w = 800", "working_from_w = 300", 17, "in the order off_below_w <="),
        ('id = "pers-2"', 'id = "pers-1"', None, "given more than once: pers-1"),
        ('host = "10.0.0.6"', 'hosst = "10.0.0.6"', 15, "Did you mean `host`?"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, old: str, new: str, line: int | None, said: str) -> None:
    assert old in GOOD
    said_all = error_for(tmp_path, GOOD.replace(old, new))
    assert said in said_all
    if line is not None:
        assert f"agent.toml:{line}:" in said_all


def test_invalid_toml_and_a_missing_file(tmp_path: Path) -> None:
    assert "not valid TOML" in error_for(tmp_path, "[agent\n")
    with pytest.raises(UserError, match="no such file"):
        load_settings(tmp_path / "nowhere.toml", AgentSettings)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[agent]", "x = " + "[" * 5000 + "\n[agent]", "not valid TOML"),
        ("[agent]", "x = 1" + "0" * 5000 + "\n[agent]", "not valid TOML"),
        ("[agent]", '[agent]\nheartbeat = "99999999999999w"', "cannot be longer than a hundred years"),
        ("[agent]", "[agent]\nheartbeat = 99999999999", "cannot be longer than a hundred years"),
        ("[agent]", "[agent]\nheartbeat = 1e999", "`agent.heartbeat`"),
    ],
    ids=["brackets", "digits", "weeks", "seconds", "infinite"],
)
def test_what_no_program_can_hold_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in error_for(tmp_path, GOOD.replace(old, new))


@given(st.integers(1, 10**9))
def test_a_formatted_duration_is_parsed_to_the_same_value(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15min", 900), ("2h", 7200), ("7d", 604800), ("250ms", 0.25), ("1.5 h", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds
