"""The agent with gopcua's server: 32 nodes in a Read, no TranslateBrowsePaths, and a CurrentTime that is not published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.commands import app
from edge_agent.configuration import AgentSettings
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from telemetry import MachineState, SystemClock, load_settings
from tests.edge_agent.conftest import running, until_state
from tests.servers import CompiledPeer, free_port

pytestmark = pytest.mark.servers
RUN, WAIT, DOWN, UNKNOWN = (
    MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE, MachineState.UNKNOWN,
)  # fmt: skip
SAW = """
publishing_interval = "50ms"
silence = "1s"
[[opcua.machine]]
id = "m1"
profile = "tags"
[[opcua.machine.tag]]
node = "nsu=urn:test-factory;s=Saw.EmergencyStop"
states = { "true" = "out_of_service" }
[[opcua.machine.tag]]
node = "nsu=urn:test-factory;s=Saw.Execution"
states = { ACTIVE = "executing", READY = "not_executing" }
"""
Start = Callable[..., CompiledPeer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the peer anew, always on the same port."""
    port, peers = free_port(), list[CompiledPeer]()

    def begin(extra_namespaces: int = 0) -> CompiledPeer:
        for peer in peers:
            peer.stop(kill=True)
        peers.append(CompiledPeer("opcua_go", str(port), str(extra_namespaces)))
        peers[-1].said["endpoint"] = f"opc.tcp://127.0.0.1:{port}"
        return peers[-1]

    yield begin
    for peer in peers:
        peer.stop(kill=True)


async def test_discover_check_run_and_a_restart_with_other_namespace_indexes(
    start: Start, writer: ReportWriter, tmp_path: Path
) -> None:
    peer = start()
    discovered = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["discover", peer.said["endpoint"]]))
    assert "urn:test-factory" in discovered.output, discovered.exception
    config = tmp_path / "agent.toml"
    config.write_text(f'[agent]\nfactory = "f"\ngateway = "g"\ndata_dir = "{tmp_path}/data"\n{discovered.output}{SAW}')
    checked = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["check", "-c", str(config), "--json"]))
    [seen] = json.loads(checked.output)["machines"]
    assert (seen["state"], seen["problem"]) == ("not_executing", None)
    [server] = load_settings(config, AgentSettings).opcua
    source = OpcUaSource(server, Pki(tmp_path), writer, SystemClock())
    async with running(source):
        first = await until_state(writer, "m1", WAIT)
        peer.tell(set="Execution", value="ACTIVE")
        changed = await until_state(writer, "m1", RUN)
        async with asyncio.timeout(60):
            while writer.reported("m1").until < changed.since + 3 * server.silence:  # type: ignore[union-attr]
                source.confirm()
                await asyncio.sleep(0.05)
        assert not source.contact.lost, "its time is asked for, as it is not published"
        assert writer.reported("m1").state is RUN  # type: ignore[union-attr]
        again = await asyncio.to_thread(start, 3)
        await until_state(writer, "m1", WAIT)
        assert again.said["namespaces"].index("urn:test-factory") != peer.said["namespaces"].index("urn:test-factory")
        again.tell(set="EmergencyStop", value=True)
        await until_state(writer, "m1", DOWN)
    assert first.since < changed.since
