"""The agent with three more makers' OPC UA servers, from `discover` to a restart with other namespace indexes.

- gopcua: 32 nodes in a Read, no TranslateBrowsePaths, and a CurrentTime that is not published.
- async-opcua: five nodes in a Read and one item in a subscription.
- Eclipse Milo: it talks without security at its discovery address alone, and has a new certificate after each start.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_agent.commands import app
from edge_agent.configuration import AgentSettings
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from telemetry import MachineState, SystemClock, load_settings
from tests.edge_agent.conftest import running, until_state
from tests.peer_servers import CompiledPeer, JavaPeer, Peer
from tests.servers import free_port

pytestmark = pytest.mark.servers
RUN, WAIT, DOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE
SAW = """
publishing_interval = "50ms"
silence = "2s"
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


class Maker:
    """One maker's server, always on the same port."""

    def __init__(self, name: str) -> None:
        self.name, self.secure = name, name == "opcua_milo"
        self.port = free_port()
        self.endpoint = f"opc.tcp://127.0.0.1:{self.port}{'/milo' if self.secure else ''}"
        self.peer: Peer | None = None

    def start(self, extra_namespaces: int = 0) -> Peer:
        self.stop()
        arguments = (str(self.port), str(extra_namespaces))
        self.peer = (
            JavaPeer("opcua_milo", "OpcuaMilo", *arguments) if self.secure else CompiledPeer(self.name, *arguments)
        )
        return self.peer

    def stop(self) -> None:
        if self.peer is not None:
            self.peer.stop(kill=True)


@pytest.fixture(params=["opcua_go", "opcua_milo", "opcua_rust"])
def maker(request: pytest.FixtureRequest) -> Iterator[Maker]:
    maker = Maker(request.param)
    yield maker
    maker.stop()


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


def trust_all(pki: Pki) -> None:
    for path in (pki.folder / "rejected").glob("*.der"):
        pki.trust(path.stem)


async def test_discover_check_run_and_restart(maker: Maker, writer: ReportWriter, tmp_path: Path) -> None:
    peer = await asyncio.to_thread(maker.start)
    config, pki = tmp_path / "agent.toml", Pki(tmp_path / "data" / "pki")
    config.write_text(f'[agent]\nfactory = "f"\ngateway = "g"\ndata_dir = "{tmp_path}/data"\n')
    discover = ["discover", maker.endpoint, "-c", str(config)]
    if maker.secure:
        assert "it offers: Basic256Sha256/SignAndEncrypt" in str((await run(*discover)).exception)
        assert (await run("certificate", "create", "-c", str(config))).exit_code == 0
        discover += ["--security-policy", "Basic256Sha256"]
        assert "certificate trust" in str((await run(*discover)).exception)
        trust_all(pki)
    discovered = await run(*discover)
    assert "urn:test-factory" in discovered.output, discovered.exception
    config.write_text(config.read_text() + discovered.output + SAW)
    [seen] = json.loads((await run("check", "-c", str(config), "--json")).output)["machines"]
    assert (seen["state"], seen["problem"], seen["clock"]) == ("not_executing", None, None)
    [server] = load_settings(config, AgentSettings).opcua
    source = OpcUaSource(server, pki, writer, SystemClock())
    async with running(source):
        first = await until_state(writer, "m1", WAIT)
        peer.tell(set="Execution", value="ACTIVE")
        changed = await until_state(writer, "m1", RUN)
        assert first.since < changed.since
        async with asyncio.timeout(60):
            while writer.reported("m1").until < changed.since + 2 * server.silence:  # type: ignore[union-attr]
                source.confirm()
                await asyncio.sleep(0.05)
        assert not source.contact.lost, "a server that publishes no time is asked for it"
        assert writer.reported("m1").state is RUN  # type: ignore[union-attr]
        again = await asyncio.to_thread(maker.start, 3)
        assert again.said["namespaces"].index("urn:test-factory") != peer.said["namespaces"].index("urn:test-factory")
        async with asyncio.timeout(60):
            while maker.secure and "certificate trust" not in (source.contact.why or ""):
                await asyncio.sleep(0.05)
        trust_all(pki)
        await until_state(writer, "m1", WAIT)
        again.tell(set="EmergencyStop", value=True)
        await until_state(writer, "m1", DOWN)
