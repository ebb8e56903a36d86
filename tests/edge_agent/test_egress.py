"""What `vrijloop agent egress` says of a configuration. That a running agent keeps to it is held in `test_what_leaves.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edge_agent.configuration import AgentSettings
from edge_agent.egress import MACHINE, Egress, Field, egress_of
from edge_agent.egress_page import egress_page
from telemetry import load_settings
from telemetry.gateway_health import GatewayHealth
from telemetry.message import StateMessage, StateReport
from tests.edge_agent.test_using_it import invoke

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "docs" / "agent.sample.toml"
METER = {"id": "m1", "host": "192.0.2.7", "template": "eastron-sdm630"}


def egress(**tables: Any) -> Egress:
    agent = {"factory": "hal-2", "gateway": "gw-1"} | tables.pop("agent", {})
    return egress_of(AgentSettings.validated({"agent": agent, "modbus": [METER]} | tables))


def field(found: Egress, name: str) -> Field:
    (one,) = [field for field in found.sends_to[0].publishes[0].fields if field.name == name]
    return one


def test_every_field_of_the_wire_format_is_listed() -> None:
    """A field that is added to a message is also explained here."""
    state, _, health = egress().sends_to[0].publishes
    sent = set(StateMessage.__struct_fields__) - {
        "factory",
        "machine",
    }  # which stand in the topic, and are sent by others alone
    sent |= {f"reports.{name}" for name in StateReport.__struct_fields__}
    assert {one.name for one in state.fields} == sent
    assert {one.name for one in health.fields} == set(GatewayHealth.__struct_fields__)


@pytest.mark.parametrize(
    ("mqtt", "encrypted", "identity"),
    [
        ({"url": "mqtt://192.0.2.1"}, False, "nobody: without logging in"),
        (
            {"url": "mqtts://192.0.2.1", "username": "gw-1", "password_file": "/secret"},
            True,
            "user 'gw-1', by password",
        ),
        ({"url": "mqtts://192.0.2.1", "credentials_file": "/login"}, True, "the user named in /login, by password"),
        (
            {"url": "mqtts://192.0.2.1", "client_certificate": "/a.pem", "client_key": "/a.key"},
            True,
            "certificate /a.pem",
        ),
    ],
)
def test_to_whom_and_as_whom(mqtt: dict[str, str], encrypted: bool, identity: str) -> None:
    (place,) = egress(mqtt=mqtt).sends_to
    assert (place.address, place.encrypted, place.identity) == (
        f"192.0.2.1:{8883 if encrypted else 1883}",
        encrypted,
        identity,
    )
    text = egress_page(egress(mqtt=mqtt))
    assert ("NOT ENCRYPTED" in text) == (not encrypted)
    assert "/secret" not in text


def test_power_leaves_where_it_is_configured_alone() -> None:
    assert "always null" in field(egress(), "reports.power_w").meaning
    with_power = egress(modbus=[METER | {"report_power": True}, METER | {"id": "m2", "unit": 2}])
    assert "of m1 alone" in field(with_power, "reports.power_w").meaning
    assert "Power" not in {one.name for one in egress(sparkplug={}).sends_to[1].publishes[3].fields}


def test_names_are_looked_up_and_numbers_are_not() -> None:
    assert egress(mqtt={"url": "mqtt://192.0.2.1"}).looks_up == ()
    opcua = [{"endpoint": "opc.tcp://lathe.hal2.example:4840", "machine": [{"id": "m2", "browse_name": "Lathe"}]}]
    found = egress(mqtt={"url": "mqtts://broker.example"}, opcua=opcua)
    assert found.looks_up == ("broker.example", "lathe.hal2.example")
    assert "broker.example" in egress_page(found).partition("NAMES THAT IT LOOKS UP")[2]


def test_metrics_are_an_answer_to_whoever_asks() -> None:
    assert egress().answers == ()
    assert "0.0.0.0:9471" in egress(agent={"metrics": "0.0.0.0:9471"}).answers[0]


def test_everything_that_the_sample_can_configure_is_listed(tmp_path: Path) -> None:
    """Also what is commented out: the other output, other brokers, serial lines."""
    text = SAMPLE.read_text()
    config = tmp_path / "agent.toml"
    config.write_text(re.sub(r"^# ((?:[a-z_]+ = |\[).*)", r"\1", text, flags=re.MULTILINE))
    settings = load_settings(config, AgentSettings)
    found = json.loads(invoke("egress", "-c", config, "--json"))
    assert len(found["sends_to"]) == 3
    machines = {machine for place in found["reads"] for machine in place["machines"]}
    assert machines | {one.id for table in settings.sparkplug_input for one in table.machine} == set(settings.machines)
    printed = invoke("egress", "-c", config)
    for place in found["sends_to"]:
        assert place["address"] in printed
        for publication in place["publishes"]:
            assert publication["topic"] in printed
            assert (MACHINE in publication["topic"]) == bool(publication["machines"])
    assert "/dev/ttyUSB0" in printed
