"""What is read without pydantic: whatever it takes, pydantic takes, and reads as the same."""

from __future__ import annotations

import copy
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.configuration import AgentSettings
from telemetry.table_reader import read_table

SAMPLE = (Path(__file__).resolve().parents[2] / "docs" / "agent.sample.toml").read_text(encoding="utf-8")
EVERY_OPTION = re.sub(r"^# ((?:[a-z_]+ = |\[).*)", r"\1", SAMPLE, flags=re.MULTILINE)
MACHINES = """
[agent]
factory = "genk"
gateway = "gw-1"
[[opcua]]
endpoint = "opc.tcp://h:4840"
machine = [{ id = "m1", browse_name = "M1" }, { id = "m2", profile = "tags", tag = [{ node = "i=1", states = { "1" = "executing" } }] }]
[[modbus]]
id = "m3"
transport = "serial"
serial_port = "/dev/ttyUSB0"
stopbits = 2
template = "eastron-sdm630"
thresholds = { idle_below_w = 500, working_from_w = 800.5 }
dwell = { executing = "5s" }
[[modbus]]
id = "m4"
host = "h"
template = "wago-750"
lamps = { green = 0, red = 1 }
[[sparkplug_input]]
machine = [{ id = "m5", group = "g", node = "n", power = "p", report_power = true }]
"""
FILES = {"the sample": SAMPLE, "every option": EVERY_OPTION, "machines": MACHINES}
ODD: tuple[Any, ...] = (
    "", "x", "m1", "M1", "m1\n", "a" * 64, "1", "i=1", "5s", "5 parsec", "101w", "9999999w", "-5s", " 5s", "serial", "W", "None", "executing", "127.0.0.1:1", "h:1\n",
    "h:١", "mqtt://h", "opc.tcp://h", "wago-750", "sparkplug", "/", "\0", 0, 1, 2, -1, 1.0, 2.0, 0.5, 10**30, -0.0, float("nan"), float("inf"), True, False, [], {}, ["x"], [1], {"x": 1},
    {"executing": "5s"}, {"green": 0}, {"green": -1}, [{}], datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


def places(table: Any) -> list[tuple[Any, Any]]:
    """Everything in it, as a container with a key."""
    keys = list(table) if isinstance(table, dict) else range(len(table)) if isinstance(table, list) else ()
    return [found for key in keys for found in [(table, key), *places(table[key])]]


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_written_as_documented_needs_no_pydantic(text: str) -> None:
    table = tomllib.loads(text)
    assert read_table(AgentSettings, table) == AgentSettings.validated(table)


@given(st.data())
def test_what_it_takes_pydantic_takes_and_reads_as_the_same(data: st.DataObject) -> None:
    table = copy.deepcopy(data.draw(st.sampled_from([tomllib.loads(text) for text in FILES.values()])))
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(places(table)))
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                container[key] = data.draw(st.sampled_from(ODD) | st.text(max_size=5))
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[data.draw(st.sampled_from([str(name) for _, name in places(table)]))] = data.draw(
                    st.sampled_from(ODD)
                )
    try:
        found = read_table(AgentSettings, table)
    except (ValueError, TypeError, OverflowError):
        return
    assert repr(found) == repr(AgentSettings.validated(table))


@pytest.mark.parametrize("place", range(len(places(tomllib.loads(MACHINES)))))
def test_no_odd_value_is_taken_that_pydantic_does_not_take(place: int) -> None:
    """Each value of a file, with each of these in its place."""
    for odd in ODD:
        table = tomllib.loads(MACHINES)
        container, key = places(table)[place]
        container[key] = odd
        try:
            found = read_table(AgentSettings, table)
        except (ValueError, TypeError, OverflowError):
            continue
        assert repr(found) == repr(AgentSettings.validated(table)), (key, odd)
