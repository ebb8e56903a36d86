"""What the agent sends, on record: nothing that changes a machine, and nothing that `vrijloop agent egress` does not list."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from edge_agent.configuration import AgentSettings
from edge_agent.egress import MACHINE, MODBUS_FUNCTIONS, OPCUA_SERVICES, Destination, Egress, Publication, egress_of
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from telemetry import MachineState, SystemClock, load_settings
from telemetry.sparkplug import decode
from tests.edge_agent.conftest import running, until_state
from tests.edge_agent.recorded_agent import KINDS, Recording, recorded
from tests.edge_agent.wire import MqttRecord, Sent, modbus_functions, mqtt_record, opcua_services, rtu_functions
from tests.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.servers, pytest.mark.long]

CONNECTS = {
    "run": set(KINDS),
    "check": set(KINDS),
    "learn": {"modbus-tcp"},
    "learn sparkplug": {"sparkplug-input"},
    "discover opcua": {"opcua"},
    "discover opcua-not-trusted": {"opcua-signed"},
    "discover opcua-signed": {"opcua-signed"},
    "discover modbus": {"modbus-tcp"},
    "discover sparkplug": {"sparkplug-input"},
    "certificate create": set(),
    "certificate renew": set(),
    "certificate activate": set(),
    "certificate trust": set(),
    "templates": set(),
    "status": set(),
    "egress": set(),
}
"""Every command, and to what it connects."""

ONLY_READS: dict[str, tuple[Callable[[bytes], list[str] | list[int]], Collection[str | int]]] = {
    "opcua": (opcua_services, set(OPCUA_SERVICES)),
    "opcua-signed": (opcua_services, set(OPCUA_SERVICES)),
    "modbus-tcp": (modbus_functions, set(MODBUS_FUNCTIONS)),
    "modbus-rtu-over-tcp": (rtu_functions, set(MODBUS_FUNCTIONS)),
    "modbus-serial": (rtu_functions, set(MODBUS_FUNCTIONS)),
}  # fmt: skip

WRITES_OPCUA = {
    "Write",
    "Call",
    "AddNodes",
    "AddReferences",
    "DeleteNodes",
    "DeleteReferences",
    "HistoryUpdate",
    "SetTriggering",
    "TransferSubscriptions",
}
WRITES_MODBUS = {5, 6, 8, 15, 16, 21, 22, 23}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    with recorded(tmp_path_factory.mktemp("recorded")) as one:
        yield one


@pytest.fixture(scope="module")
def egress(recording: Recording) -> Egress:
    return egress_of(load_settings(recording.config, AgentSettings))


def test_what_is_listed_writes_nothing() -> None:
    assert not WRITES_OPCUA & set(OPCUA_SERVICES)
    assert not WRITES_MODBUS & set(MODBUS_FUNCTIONS)


def test_every_command_is_on_record(recording: Recording) -> None:
    from edge_agent.certificate_commands import certificates
    from edge_agent.commands import app

    names = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback is not None}
    names |= {f"certificate {(one.name or '')}" for one in certificates.registered_commands}
    assert names == {name for name in recording.sent if not re.match("(discover|learn) ", name)} | {"discover"}
    assert recording.sent.keys() == CONNECTS.keys()


@pytest.mark.parametrize("kind", ONLY_READS)
@pytest.mark.parametrize("command", CONNECTS)
def test_machines_are_only_read(recording: Recording, command: str, kind: str) -> None:
    read, allowed = ONLY_READS[kind]
    asked = [one for stream in recording.sent[command][kind] for one in read(stream)]
    assert set(asked) <= set(allowed)
    assert bool(asked) == (kind in CONNECTS[command]), recording.said[command]


async def test_a_server_that_is_polled_is_only_read(
    recording: Recording, writer5: ReportWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other way to follow values, which the server of this recording does not need."""

    async def unsupported(*_: object, **__: object) -> None:
        raise ua.UaStatusCodeError(ua.StatusCodes.BadServiceUnsupported)

    monkeypatch.setattr(Client, "create_subscription", unsupported)
    server, _ = load_settings(recording.config, AgentSettings).opcua
    proxy = TcpProxy(recording.ports["opcua itself"])
    lathe = replace(server.machine[0], id="m1")
    polled = replace(server, endpoint=f"opc.tcp://127.0.0.1:{proxy.port}", machine=(lathe,))
    async with running(OpcUaSource(polled, Pki(tmp_path), writer5, SystemClock())):
        await until_state(writer5, "m1", MachineState.NOT_EXECUTING)
    proxy.close()
    asked = {one for stream in proxy.sent for one in opcua_services(bytes(stream))}
    assert "Read" in asked
    assert "CreateSubscription" not in asked
    assert asked <= set(OPCUA_SERVICES)


@pytest.mark.parametrize("command", CONNECTS)
def test_nobody_else_is_connected_to(recording: Recording, command: str) -> None:
    kinds = {kind for kind, streams in recording.sent[command].items() if any(streams)}
    assert kinds == CONNECTS[command], recording.said[command]


def test_the_agent_asks_the_operating_system_for_no_other_way_out(recording: Recording, egress: Egress) -> None:
    """Addresses that are connected to, and names that are looked up, are those that are listed; no program is started."""
    listed = {one.address for one in egress.sends_to}
    listed |= {one.address.removeprefix("opc.tcp://") for one in egress.reads if not one.address.startswith("/dev/")}
    connected, every = addresses(recording, "socket.connect"), set[tuple[str, int]]()
    for one in listed:
        host, _, port = one.rpartition(":")
        resolved = {(str(where[0]), int(where[1])) for *_, where in socket.getaddrinfo(host, int(port))}
        assert resolved & connected, f"{one} is listed"
        every |= resolved
    assert connected <= every
    looked_up = {
        str(name) for event, name, *_ in recording.asked if event == "socket.getaddrinfo" and is_name(str(name))
    }
    assert looked_up == set(egress.looks_up)
    assert addresses(recording, "socket.bind") == set(), "it listens nowhere on the network"
    assert {event for event, *_ in recording.asked} == {"socket.connect", "socket.bind", "socket.getaddrinfo"}


def addresses(recording: Recording, event: str) -> set[tuple[str, int]]:
    """Those of the network; a path is a socket of this machine, and port 0 any port, from which to connect."""
    found = [arguments[0] for name, *arguments in recording.asked if name == event]
    return {(one[0], one[1]) for one in found if isinstance(one, list) and one[1] != 0}


def is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def records(recording: Recording, command: str) -> list[MqttRecord]:
    streams = [*recording.sent[command]["mqtt"], *recording.sent[command]["sparkplug-input"]]
    return [mqtt_record(stream) for stream in streams if stream]


@pytest.mark.parametrize("command", [name for name, kinds in CONNECTS.items() if "sparkplug-input" in kinds])
def test_messages_are_those_that_are_listed(recording: Recording, egress: Egress, command: str) -> None:
    """Each topic, each field, whether it is retained, and what is subscribed to; wills, too."""
    for record in records(recording, command):
        place = destination_of(egress, record.client_id)
        assert set(record.subscribed) <= set(place.reads) | DISCOVERED
        for sent in record.published:
            publication = publication_of(place, sent.topic)
            assert sent.retain == publication.retained, sent.topic
            assert fields_of(sent) <= {field.name for field in publication.fields}, sent


DISCOVERED = {
    f"spBv1.0/+/{kind}/+{device}"
    for kind, device in (
        ("NBIRTH", ""),
        ("NDATA", ""),
        ("NDEATH", ""),
        ("DBIRTH", "/+"),
        ("DDATA", "/+"),
        ("DDEATH", "/+"),
    )
}
"""What `discover` listens to: it has no configuration that could name nodes."""


def destination_of(egress: Egress, client_id: str) -> Destination:
    """`check`, `learn` and `discover` have client ids of their own."""
    if client_id.startswith("vrijloop-discover-"):
        return egress.sends_to[-1]
    (found,) = [one for one in egress.sends_to if re.sub("-(check|learn)$", "", client_id) == one.client_id]
    return found


def publication_of(place: Destination, topic: str) -> Publication:
    for publication in place.publishes:
        if topic in {publication.topic.replace(MACHINE, machine) for machine in publication.machines or ("",)}:
            return publication
    raise AssertionError(f"{topic} is not listed")


def fields_of(sent: Sent) -> set[str]:
    """The names of a payload's fields, as they are listed."""
    if sent.topic.startswith("spBv1.0/") and "/STATE/" not in sent.topic:
        return {metric.name for metric in decode(sent.payload).metrics}
    if sent.topic.endswith("/status"):
        assert sent.payload in (b"online", b"offline")
        return {""}
    return set(names_in(json.loads(sent.payload)))


def names_in(value: Any, before: str = "") -> Iterator[str]:
    for name, inner in value.items():
        yield before + name
        for item in inner if isinstance(inner, list) else ():
            yield from names_in(item, f"{before}{name}.")


def test_what_is_listed_is_sent(recording: Recording, egress: Egress) -> None:
    """The list says no more than is true: every topic of a running agent occurs, but for what needs a machine that dies, and each field of a report."""
    sent = [one for record in records(recording, "run") for one in record.published]
    topics = {one.topic for one in sent}
    expected = {
        publication.topic.replace(MACHINE, machine)
        for place in egress.sends_to
        for publication in place.publishes
        for machine in publication.machines or ("",)
        if not re.search("/(NDATA|DDATA|DDEATH)/", publication.topic)
    }
    assert expected <= topics
    reports = {name for one in sent if one.topic.endswith("/state") for name in fields_of(one)}
    assert reports == {field.name for field in egress.sends_to[0].publishes[0].fields}


def test_power_leaves_for_the_machines_that_are_listed_alone(recording: Recording, egress: Egress) -> None:
    (field,) = [one for one in egress.sends_to[0].publishes[0].fields if one.name == "reports.power_w"]
    assert "of meter alone" in field.meaning
    with_power = set()
    for sent in (
        one for record in records(recording, "run") for one in record.published if one.topic.endswith("/state")
    ):
        if any(report["power_w"] is not None for report in json.loads(sent.payload)["reports"]):
            with_power.add(sent.topic.split("/")[3])
    assert with_power == {"meter"}


def test_no_secret_is_listed_and_none_is_sent_as_a_value(recording: Recording) -> None:
    assert "correct horse" not in recording.said["egress"]
    assert "user 'gw-1', by password" in recording.said["egress"]
    assert all(b"correct horse" not in one.payload for record in records(recording, "run") for one in record.published)
