"""Secure OPC UA servers: where to ask what they offer, what is said when they or the agent refuse the other, and `discover` with a log-in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.server.uaprocessor import UaProcessor
from typer.testing import CliRunner

from edge_agent.commands import app
from edge_agent.configuration import AgentSettings, OpcUaServer
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession
from telemetry import MachineState, SystemClock, UnavailableError, UserError, load_settings
from tests.edge_agent.conftest import running, until_state
from tests.servers import free_port

pytestmark = pytest.mark.servers
CLOCK = SystemClock()
RUN, UNKNOWN = MachineState.EXECUTING, MachineState.UNKNOWN
POLICY = "Basic256Sha256"


class OneUser:
    def get_user(self, iserver: Any, username: str | None = None, password: Any = None, certificate: Any = None) -> Any:
        return User(role=UserRole.User) if (username, password) == ("vrijloop", "correct horse") else None


class SecureServer:
    """Signed and encrypted alone; one boolean that is true."""

    def __init__(self, folder: Path, port: int) -> None:
        self.pki = Pki(folder)
        self.pki.create_own("urn:test:server", CLOCK.now())
        self.port = port
        self.endpoint = f"opc.tcp://127.0.0.1:{port}/secure"
        self.accepts = True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = Server(user_manager=OneUser())
        await server.init()
        server.set_endpoint(self.endpoint)
        await server.set_application_uri("urn:test:server")
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt], SimpleRoleRuleset())
        await server.load_certificate(str(self.pki.certificate))
        await server.load_private_key(str(self.pki.private_key))
        server.set_certificate_validator(self._judge)
        space = await server.register_namespace("urn:test")
        await server.nodes.objects.add_variable(ua.NodeId("Runs", space), "Runs", True)
        async with server:
            yield

    async def _judge(self, *_: object) -> None:
        if not self.accepts:
            raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)

    def settings(self, folder: Path, password: str = "correct horse", node: str = "Runs") -> OpcUaServer:
        (folder / "password").write_text(f"{password}\n")
        tag = {"node": f"nsu=urn:test;s={node}", "states": {"true": "executing"}}
        return OpcUaServer.validated(
            {
                "endpoint": self.endpoint,
                "security_policy": POLICY,
                "username": "vrijloop",
                "password_file": folder / "password",
                "publishing_interval": "50ms",
                "machine": [{"id": "m1", "profile": "tags", "tag": [tag]}],
            }
        )


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """The agent's, in its `data_dir`."""
    pki = Pki(tmp_path / "data" / "pki")
    pki.create_own("urn:test:agent", CLOCK.now())
    return pki


@pytest.fixture
def secure_server(tmp_path: Path, pki: Pki) -> SecureServer:
    """The agent trusts it."""
    server = SecureServer(tmp_path / "server", free_port())
    trust(pki, server)
    return server


def trust(pki: Pki, server: SecureServer) -> None:
    certificate = server.pki.certificate.read_bytes()
    pki.reject(certificate)
    for path in (pki.folder / "rejected").glob("*.der"):
        pki.trust(path.stem)


async def refusal(settings: OpcUaServer, pki: Pki) -> str:
    session = OpcUaSession(settings, pki, CLOCK)
    with pytest.raises(SourceLostError) as refused:
        await session.open()
    await session.close()
    return str(refused.value)


async def test_what_a_refusal_says(secure_server: SecureServer, pki: Pki, tmp_path: Path) -> None:
    async with secure_server.running():
        session = OpcUaSession(secure_server.settings(tmp_path), pki, CLOCK)
        assert await session.open() == {}
        await session.close()
        said = await refusal(secure_server.settings(tmp_path, password="wrong"), pki)
        assert "`username` 'vrijloop'" in said
        session = OpcUaSession(secure_server.settings(tmp_path, node="Nothing"), pki, CLOCK)
        [problem] = (await session.open()).values()
        assert "machine 'm1': node nsu=urn:test;s=Nothing cannot be read (BadNodeIdUnknown)" in problem
        await session.close()
        secure_server.accepts = False
        assert f"add {pki.certificate} to" in await refusal(secure_server.settings(tmp_path), pki)


@pytest.fixture
def discovery_address(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections without security are allowed at addresses with this ending alone, as with Eclipse Milo."""
    ending = ["/discovery"]
    acknowledge, opened = TransportLimits.create_acknowledge_and_set_limits, UaProcessor.open_secure_channel

    def remember(self: Any, hello: ua.Hello) -> Any:
        self.url = hello.EndpointUrl
        return acknowledge(self, hello)

    def refuse(self: Any, header: Any, *more: Any) -> Any:
        if header.SecurityPolicyURI.endswith("#None") and not self._limits.url.endswith(ending[0]):
            self._transport.close()
            raise ServiceError(ua.StatusCodes.BadSecurityPolicyRejected)
        return opened(self, header, *more)

    monkeypatch.setattr(TransportLimits, "create_acknowledge_and_set_limits", remember)
    monkeypatch.setattr(UaProcessor, "open_secure_channel", refuse)
    return ending


async def test_a_server_that_is_silent_without_security_is_asked_at_its_discovery_address(
    secure_server: SecureServer, pki: Pki, tmp_path: Path, discovery_address: list[str]
) -> None:
    async with secure_server.running():
        session = OpcUaSession(secure_server.settings(tmp_path), pki, CLOCK)
        assert await session.open() == {}
        await session.close()
        settings = secure_server.settings(tmp_path)
        open_one = replace(settings, security_policy="None", username=None, password_file=None)
        said = await refusal(open_one, pki)
        assert "no connection without security; it offers: Basic256Sha256/SignAndEncrypt" in said
        discovery_address[0] = "/nowhere"
        said = await refusal(secure_server.settings(tmp_path), pki)
    assert f"{secure_server.endpoint}: " in said
    assert f"{secure_server.endpoint}/discovery: " in said


@pytest.mark.long
async def test_a_new_certificate_of_the_server_is_said_although_contact_was_lost_before(
    secure_server: SecureServer, pki: Pki, tmp_path: Path, writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    source = OpcUaSource(secure_server.settings(tmp_path), pki, writer, CLOCK)
    async with running(source):
        async with secure_server.running():
            await until_state(writer, "m1", RUN)
        await until_state(writer, "m1", UNKNOWN)
        other = SecureServer(tmp_path / "other", secure_server.port)
        async with other.running(), asyncio.timeout(60):
            while "certificate trust" not in (source.contact.why or ""):
                await asyncio.sleep(0.01)
            trust(pki, other)
            await until_state(writer, "m1", RUN)
    assert "is not trusted" in caplog.text


def test_each_reason_for_lost_contact_is_logged_once(writer: ReportWriter, caplog: pytest.LogCaptureFixture) -> None:
    contact = Contact("the press", ["m1"], writer, CLOCK)
    for why in ("no answer", "no answer", "not trusted", "no answer"):
        contact.mark_lost(why)
    assert [record.getMessage().split(".")[0] for record in caplog.records] == [
        "the press: no answer",
        "the press: not trusted",
    ]
    assert contact.why == "no answer"
    contact.mark_answering()
    assert not contact.lost
    contact.mark_lost("no answer")
    assert len(caplog.records) == 3


async def test_discover_logs_in(secure_server: SecureServer, pki: Pki, tmp_path: Path) -> None:
    """Before there is a machine in the configuration."""
    config = tmp_path / "agent.toml"
    config.write_text(f'[agent]\nfactory = "f"\ngateway = "g"\ndata_dir = "{tmp_path}/data"\n')
    (tmp_path / "password").write_text("correct horse\n")
    options = ["discover", secure_server.endpoint, "-c", str(config), "--security-policy", POLICY]
    log_in = ["--username", "vrijloop", "--password-file", str(tmp_path / "password")]

    def discover(*more: str) -> Any:
        return CliRunner().invoke(app, [*options, *more])

    async with secure_server.running():
        refused = await asyncio.to_thread(discover)
        done = await asyncio.to_thread(discover, *log_in)
    assert isinstance(refused.exception, UnavailableError)
    assert "give `username`" in str(refused.exception)
    assert done.exit_code == 0, done.exception
    tag = '[[opcua.machine]]\nid = "m1"\nprofile = "tags"\ntag = [{ node = "i=1", states = { "1" = "executing" } }]\n'
    config.write_text(config.read_text() + done.output + tag)
    [found] = load_settings(config, AgentSettings).opcua
    assert (found.security_policy, found.username) == (POLICY, "vrijloop")


def test_discover_refuses_a_log_in_that_is_not_safe() -> None:
    done = CliRunner().invoke(app, ["discover", "opc.tcp://127.0.0.1:1", "--username", "vrijloop"])
    assert isinstance(done.exception, UserError)
    assert "needs a `security_policy`" in str(done.exception)
