"""The agent with an independent OPC UA server (node-opcua): every profile, every security policy, restarts, and few sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from typer.testing import CliRunner

from edge_agent.commands import app
from edge_agent.configuration import AgentSettings, OpcUaServer
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki, application_uri_of, default_application_uri
from edge_agent.sources.opcua_session import OpcUaSession
from telemetry import MachineState, OperationMode, SystemClock, UserError, load_settings
from tests.edge_agent.conftest import running, until_state
from tests.peer_servers import NodePeer
from tests.servers import free_port

pytestmark = pytest.mark.servers
CLOCK = SystemClock()
RUN, WAIT, DOWN, UNKNOWN = (
    MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE, MachineState.UNKNOWN,
)  # fmt: skip
SAW = [
    {"node": "nsu=urn:test-factory;s=Saw.EmergencyStop", "states": {"true": "out_of_service"}},
    {"node": "nsu=urn:test-factory;s=Saw.Execution", "states": {"ACTIVE": "executing", "READY": "not_executing"}},
]
MACHINES: dict[str, dict[str, Any]] = {
    "m1": {"browse_name": "Lathe"},
    "m2": {"browse_name": "Mill", "profile": "machinetool"},
    "m3": {"browse_name": "Grinder", "profile": "machinetool"},
    "m4": {"browse_name": "Filler", "profile": "packml"},
    "m5": {"profile": "tags", "tag": SAW},
}


class Peer:
    """The server, on a port that stays the same when it restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self, extra_namespaces: int = 0) -> None:
        self.node = NodePeer(
            "opcua_server.mjs", str(self.port), str(self.folder / "pki-of-server"), str(extra_namespaces)
        )

    def server(self, *machines: str, **more: Any) -> OpcUaServer:
        return OpcUaServer.validated(
            {
                "endpoint": f"opc.tcp://127.0.0.1:{self.port}",
                "publishing_interval": "50ms",
                "machine": [{"id": one} | MACHINES[one] for one in machines],
            }
            | more
        )

    async def tell(self, **command: object) -> dict[str, Any]:
        return await asyncio.to_thread(lambda: self.node.tell(**command))


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    built = Peer(tmp_path_factory.mktemp("peer"))
    yield built
    built.node.stop(kill=True)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.mark.parametrize(
    ("machine", "moves"),
    [
        ("m1", [("lathe", 5006, RUN, None), ("lathe", 5004, DOWN, None), ("lathe", 5007, WAIT, None)]),
        (
            "m2",
            [
                ("channel", 0, RUN, OperationMode.PROCESSING),
                ("channel", 1, WAIT, OperationMode.PROCESSING),
                ("tool_mode", 2, WAIT, OperationMode.SETUP),
            ],
        ),
        ("m3", [("program", 138, RUN, None), ("program", 140, WAIT, None)]),
        (
            "m4",
            [
                ("packml_machine", 75, WAIT, OperationMode.PROCESSING),
                ("packml_execute", 36, RUN, OperationMode.PROCESSING),
                ("packml_base", 62, DOWN, OperationMode.PROCESSING),
            ],
        ),
        ("m5", [("Execution", "ACTIVE", RUN, None), ("EmergencyStop", True, DOWN, None)]),
    ],
)
async def test_every_profile_is_followed(
    peer: Peer, pki: Pki, writer5: ReportWriter, machine: str, moves: list[tuple[str, object, MachineState, Any]]
) -> None:
    async with running(OpcUaSource(peer.server(machine), pki, writer5, CLOCK)):
        first = await until_state(writer5, machine, WAIT, RUN, DOWN)
        assert first.state is WAIT
        for name, value, state, mode in moves:
            await peer.tell(set=name, value=value)
            await until_said(writer5, machine, state, mode)
        decisive = {"m1": "lathe", "m2": "channel", "m3": "program", "m4": "packml_base", "m5": "EmergencyStop"}
        await peer.tell(bad=decisive[machine])
        await until_state(writer5, machine, UNKNOWN)
    for name, value in (
        ("lathe", 5007), ("channel", 2), ("tool_mode", 1), ("program", 135), ("packml_base", 71),
        ("packml_machine", 53), ("packml_execute", 28), ("Execution", "READY"), ("EmergencyStop", False),
    ):  # fmt: skip
        await peer.tell(set=name, value=value)


async def until_said(writer: ReportWriter, machine: str, state: MachineState, mode: OperationMode | None) -> None:
    async with asyncio.timeout(60):
        while (current := writer.reported(machine)) is None or (current.state, current.mode) != (state, mode):
            await asyncio.sleep(0.01)


POLICIES = ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_every_security_policy(peer: Peer, pki: Pki, policy: str, mode: str, tmp_path: Path) -> None:
    pki.create_own(default_application_uri("gw-1"), CLOCK.now())
    (tmp_path / "password").write_text("correct horse\n")
    log_in = {"username": "vrijloop", "password_file": str(tmp_path / "password")} if mode == "SignAndEncrypt" else {}
    settings = peer.server("m1", security_policy=policy, security_mode=mode, **log_in)
    with pytest.raises(SourceLostError, match="is not trusted") as refused:
        await OpcUaSession(settings, pki, CLOCK).open()
    start = str(refused.value).rpartition("certificate trust ")[2].rstrip("`")
    pki.trust(start)
    session = OpcUaSession(settings, pki, CLOCK)
    assert await session.open() == {}
    async with asyncio.timeout(60):
        while not (seen := dict(await session.changes())):
            pass
    assert seen["m1"].state is WAIT
    await session.close()


async def test_a_certificate_as_log_in(peer: Peer, pki: Pki, tmp_path: Path) -> None:
    pki.create_own(default_application_uri("gw-1"), CLOCK.now())
    user = Pki(tmp_path / "user")
    user.create_own("urn:vrijloop:user", CLOCK.now())
    settings = peer.server(
        "m1", security_policy="Basic256Sha256", user_certificate=str(user.certificate), user_key=str(user.private_key)
    )
    await trusted(settings, pki)
    session = OpcUaSession(settings, pki, CLOCK)
    assert await session.open() == {}
    await session.close()


async def trusted(settings: OpcUaServer, pki: Pki) -> None:
    with pytest.raises(SourceLostError, match="is not trusted"):
        await OpcUaSession(settings, pki, CLOCK).open()
    pki.trust(next((pki.folder / "rejected").glob("*.der")).stem)


async def test_a_wrong_password_and_a_missing_certificate_are_reported(peer: Peer, pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong\n")
    settings = peer.server(
        "m1", security_policy="Basic256Sha256", username="vrijloop", password_file=str(tmp_path / "password")
    )
    with pytest.raises(SourceLostError, match="certificate create"):
        await OpcUaSession(settings, pki, CLOCK).open()
    pki.create_own(default_application_uri("gw-1"), CLOCK.now())
    await trusted(settings, pki)
    session = OpcUaSession(settings, pki, CLOCK)
    with pytest.raises(SourceLostError) as refused:
        await session.open()
    await session.close()
    assert "wrong" not in str(refused.value)
    assert "log-in of `username` 'vrijloop'" in str(refused.value)


async def test_security_survives_a_restart_with_other_namespace_indexes(
    peer: Peer, pki: Pki, writer5: ReportWriter
) -> None:
    """Nodes are looked up by namespace URI, and policy and trust are checked, at each connection."""
    pki.create_own(default_application_uri("gw-1"), CLOCK.now())
    settings = peer.server("m1", "m4", "m5", security_policy="Aes256Sha256RsaPss")
    await trusted(settings, pki)
    async with running(OpcUaSource(settings, pki, writer5, CLOCK)):
        for machine in ("m1", "m4", "m5"):
            await until_state(writer5, machine, WAIT)
        before = peer.node.said["namespaces"]
        await asyncio.to_thread(peer.node.stop, True)
        for machine in ("m1", "m4", "m5"):
            assert (await until_state(writer5, machine, UNKNOWN)).reason == "no contact"
        await asyncio.to_thread(peer.start, 3)
        assert before.index("urn:test-factory") != peer.node.said["namespaces"].index("urn:test-factory")
        for machine in ("m1", "m4", "m5"):
            await until_state(writer5, machine, WAIT)
        await peer.tell(set="lathe", value=5006)
        await until_state(writer5, "m1", RUN)
        await peer.tell(set="lathe", value=5007)


async def test_a_missing_node_does_not_affect_other_machines(peer: Peer, pki: Pki, writer5: ReportWriter) -> None:
    tag = {"node": "nsu=urn:test-factory;s=Saw.Nothing", "states": {"1": "executing"}}
    settings = peer.server(
        "m1", "m5", machine=[{"id": "m1"} | MACHINES["m1"], {"id": "m5", "profile": "tags", "tag": [tag]}]
    )
    async with running(OpcUaSource(settings, pki, writer5, CLOCK)):
        await until_state(writer5, "m1", WAIT)
        await until_state(writer5, "m5", UNKNOWN)
        await peer.tell(set="lathe", value=5006)
        await until_state(writer5, "m1", RUN)
        await peer.tell(set="lathe", value=5007)


async def test_sessions_are_closed(peer: Peer, pki: Pki) -> None:
    """The server allows four sessions; twelve consecutive connections must not reach that limit."""
    for _ in range(12):
        session = OpcUaSession(peer.server("m1"), pki, CLOCK)
        assert await session.open() == {}
        await session.close()


async def test_a_server_without_subscriptions_is_polled(
    peer: Peer, pki: Pki, writer5: ReportWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsupported(*_: object, **__: object) -> None:
        raise ua.UaStatusCodeError(ua.StatusCodes.BadServiceUnsupported)

    monkeypatch.setattr(Client, "create_subscription", unsupported)
    async with running(OpcUaSource(peer.server("m1", "m5"), pki, writer5, CLOCK)):
        await until_state(writer5, "m1", WAIT)
        await peer.tell(set="lathe", value=5006)
        changed = await until_state(writer5, "m1", RUN)
        assert CLOCK.now() - changed.since < timedelta(seconds=30)
        await peer.tell(bad="Execution")
        await until_state(writer5, "m5", UNKNOWN)
    await peer.tell(set="lathe", value=5007)
    await peer.tell(set="Execution", value="READY")


def test_discover_prints_a_configuration_that_works(peer: Peer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["discover", f"opc.tcp://127.0.0.1:{peer.port}"])
    assert done.exit_code == 0, done.output
    assert "nsu=" in done.output or "urn:test-factory" in done.output
    config = tmp_path / "agent.toml"
    config.write_text(f'[agent]\nfactory = "f"\ngateway = "g"\ndata_dir = "{tmp_path}/data"\n{done.output}')
    found = {one.id: one.profile for one in load_settings(config, AgentSettings).opcua[0].machine}
    assert found == {"grinder": "machinetool", "lathe": "machinery", "mill": "machinetool"}
    checked = CliRunner().invoke(app, ["check", "-c", str(config), "--json"])
    states = {one["machine"]: one["state"] for one in json.loads(checked.output)["machines"]}
    assert set(states.values()) == {"not_executing"}


def test_a_password_may_come_from_the_environment(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = peer.server("m1", security_policy="Basic256Sha256", username="vrijloop")
    with pytest.raises(UserError, match="VRIJLOOP_OPCUA_PASSWORD"):
        settings.password()
    monkeypatch.setenv("VRIJLOOP_OPCUA_PASSWORD", "correct horse")
    assert settings.password() == "correct horse"


def test_the_own_certificate(pki: Pki) -> None:
    pki.create_own("urn:here:vrijloop:gw-1", CLOCK.now())
    assert application_uri_of(pki.certificate.read_bytes()) == "urn:here:vrijloop:gw-1"
    assert pki.private_key.stat().st_mode & 0o077 == 0
    before = pki.certificate.read_bytes()
    with pytest.raises(UserError, match="--replace"):
        pki.create_own("urn:here:vrijloop:gw-1", CLOCK.now())
    pki.create_own("urn:here:vrijloop:gw-1", CLOCK.now(), replace=True)
    assert pki.certificate.read_bytes() != before
    with pytest.raises(UserError, match="matches 0"):
        pki.trust("abcdef")
