"""OPC UA servers with limits: few operations in a request, few items in a subscription, no subscriptions, no published time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import InternalSession

from edge_agent.configuration import OpcUaServer
from edge_agent.report_writer import ReportWriter
from edge_agent.sources import opcua_connection
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_requests import CURRENT_TIME, Operation
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, SystemClock, to_milliseconds
from tests.edge_agent.conftest import running, until_state
from tests.plans import ScriptedPlan, character
from tests.servers import free_port

pytestmark = pytest.mark.servers
RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
CLOCK = SystemClock()
PKI = Pki(Path("nowhere"))
_SERVICES = {
    "read": lambda params: params.NodesToRead,
    "browse": lambda params: params.NodesToBrowse,
    "translate_browsepaths_to_nodeids": lambda params: params,
    "create_monitored_items": lambda params: params.ItemsToCreate,
}


class Limits:
    """What asyncua's server is made to refuse, and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations = 1_000_000
        self.items = self.subscriptions = 1_000_000
        self.publishes_time = self.translates = True
        self.session_timeout: float | None = None
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self._taken: Counter[int] = Counter()
        for name, operations in _SERVICES.items():
            monkeypatch.setattr(InternalSession, name, self._limited(name, operations, getattr(InternalSession, name)))
        create_subscription, create_session = InternalSession.create_subscription, InternalSession.create_session
        create_items = InternalSession.create_monitored_items

        async def subscribe(session: Any, *arguments: Any, **more: Any) -> Any:
            if session.external and self.subscriptions <= 0:
                raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
            self.subscriptions -= session.external
            return await create_subscription(session, *arguments, **more)

        async def open_session(session: Any, *arguments: Any, **more: Any) -> Any:
            result = await create_session(session, *arguments, **more)
            if self.session_timeout is not None:
                result.RevisedSessionTimeout = self.session_timeout
            return result

        async def items(session: Any, params: Any) -> Any:
            wanted = params.ItemsToCreate
            taken = [item for item in wanted if self._takes(params.SubscriptionId, item)]
            params.ItemsToCreate = taken
            created = iter(await create_items(session, params) if taken else [])
            return [next(created) if item in taken else _refusal(item) for item in wanted]

        monkeypatch.setattr(InternalSession, "create_subscription", subscribe)
        monkeypatch.setattr(InternalSession, "create_session", open_session)
        monkeypatch.setattr(InternalSession, "create_monitored_items", items)

    def _takes(self, subscription: int, item: ua.MonitoredItemCreateRequest) -> bool:
        if item.ItemToMonitor.NodeId == CURRENT_TIME:
            return self.publishes_time
        self._taken[subscription] += 1
        return self._taken[subscription] <= self.items

    def _limited(self, name: str, operations: Any, service: Any) -> Any:
        async def limited(session: Any, params: Any) -> Any:
            if session.external:
                self.requests[name] += 1
                if name.startswith("translate") and not self.translates:
                    raise ServiceError(ua.StatusCodes.BadServiceUnsupported)
                if len(operations(params)) > self.operations:
                    self.refused += 1
                    raise ServiceError(ua.StatusCodes.BadTooManyOperations)
            return await service(session, params)

        return limited


def _refusal(item: ua.MonitoredItemCreateRequest) -> ua.MonitoredItemCreateResult:
    time = item.ItemToMonitor.NodeId == CURRENT_TIME
    code = ua.StatusCodes.BadNotSupported if time else ua.StatusCodes.BadTooManyMonitoredItems
    return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(code)))


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    return Limits(monkeypatch)


@contextlib.asynccontextmanager
async def server_of(machines: Sequence[str], declared: int | None = None, **more: object) -> AsyncIterator[OpcUaServer]:
    """A server with machines that wait, and the last of which begins to run in two seconds."""
    began, change = CLOCK.now() - timedelta(hours=1), to_milliseconds(CLOCK.now() + timedelta(seconds=2))
    plan = ScriptedPlan({one: [(began, WAIT), *([(change, RUN)] if one == machines[-1] else [])] for one in machines})
    server = MachineryServer(plan, [character(one) for one in machines], CLOCK, free_port())
    await server.start()
    if declared is not None:
        for operation in Operation:
            value = ua.DataValue(ua.Variant(declared, ua.VariantType.UInt32))
            await server._server.write_attribute_value(ua.NodeId(operation.value), value)
    moving = asyncio.create_task(server.run())
    settings = {
        "endpoint": server.endpoint,
        "publishing_interval": "50ms",
        "machine": [{"id": one, "browse_name": character(one).browse_name} for one in machines],
    }
    yield OpcUaServer.validated(settings | more)
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await server.stop()


FIVE = [f"m{place}" for place in range(1, 6)]


async def heard(settings: OpcUaServer, writer: ReportWriter) -> None:
    """All machines are known, and the change of the last one is noticed."""
    async with running(OpcUaSource(settings, PKI, writer, CLOCK)):
        for machine in FIVE:
            await until_state(writer, machine, WAIT, RUN)
        await until_state(writer, FIVE[-1], RUN)


@pytest.mark.parametrize("declared", [True, False])
async def test_few_operations_in_a_request(limits: Limits, writer5: ReportWriter, declared: bool) -> None:
    """A server that says so is not asked for more; one that does not is asked for ever less."""
    limits.operations = 3
    async with server_of(FIVE, 3 if declared else None) as settings:
        await heard(settings, writer5)
    # Before the limits can be read, one request has to be refused.
    assert limits.refused <= (2 if declared else 30)


async def test_few_operations_in_a_request_of_a_server_without_subscriptions(
    limits: Limits, writer5: ReportWriter
) -> None:
    limits.operations, limits.subscriptions = 4, 0
    async with server_of(FIVE) as settings:
        await heard(settings, writer5)


@pytest.mark.parametrize("subscriptions", [10, 2, 1])
async def test_few_items_in_a_subscription(
    limits: Limits, writer5: ReportWriter, caplog: pytest.LogCaptureFixture, subscriptions: int
) -> None:
    """Further subscriptions are opened, and what finds no place in any is polled; that is said once."""
    caplog.set_level("INFO")
    limits.items, limits.subscriptions = 4, subscriptions
    async with server_of(FIVE) as settings:
        await heard(settings, writer5)
    left = 10 - 4 * min(subscriptions, 3)
    assert caplog.text.count("values are polled") == (left > 0)
    assert left <= 0 or f"{left} values are polled" in caplog.text
    assert "cannot be read" not in caplog.text


async def until_confirmed(session: OpcUaSession, length: timedelta) -> None:
    start = CLOCK.now()
    async with asyncio.timeout(60):
        while session.confirmed is None or session.confirmed < start + length:
            await session.changes()


async def test_a_server_that_does_not_publish_its_time_is_asked_for_it(limits: Limits) -> None:
    limits.publishes_time = False
    async with server_of(["m1"], silence="800ms") as settings:
        session = OpcUaSession(settings, PKI, CLOCK)
        assert await session.open() == {}
        await until_confirmed(session, 2 * settings.silence)
        await session.close()


async def test_a_first_value_holds_up_to_the_connection_though_no_time_is_published(limits: Limits) -> None:
    """The machine has waited for an hour; that it still does is known at once, not at the next heartbeat."""
    limits.publishes_time = False
    async with server_of(["m1", "m2"]) as settings:
        session, begun = OpcUaSession(settings, PKI, CLOCK), CLOCK.now()
        assert await session.open() == {}
        async with asyncio.timeout(60):
            while not (seen := dict(await session.changes())):
                pass
        await session.close()
    assert seen["m1"].since is not None
    assert seen["m1"].since < begun - timedelta(minutes=50)
    # The server's clock ticks once a second.
    assert seen["m1"].at > begun - timedelta(seconds=2)


async def test_a_server_that_does_not_translate_paths_is_browsed(limits: Limits) -> None:
    limits.translates = False
    async with server_of(["m1", "m2"]) as settings:
        session = OpcUaSession(settings, PKI, CLOCK)
        assert await session.open() == {}
        async with asyncio.timeout(60):
            while not (seen := dict(await session.changes())):
                pass
        assert seen["m1"].state is WAIT
        await session.close()


async def test_a_session_timeout_of_0_leaves_time_for_an_answer(limits: Limits) -> None:
    limits.session_timeout = 0
    async with server_of(["m1"], timeout="300ms") as settings:
        session = OpcUaSession(settings, PKI, CLOCK)
        assert await session.open() == {}
        await until_confirmed(session, 4 * settings.timeout)
        await session.close()


async def test_a_secure_channel_is_renewed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the machines say goes on coming."""
    monkeypatch.setattr(opcua_connection, "_RENEWED_AFTER", 0.0001)  # of an hour
    opened, open_channel = list[bool](), Client.open_secure_channel

    async def noted(client: Any, renew: bool = False) -> None:
        opened.append(renew)
        await open_channel(client, renew)

    monkeypatch.setattr(Client, "open_secure_channel", noted)
    async with server_of(["m1"], silence="800ms") as settings:
        session = OpcUaSession(settings, PKI, CLOCK)
        assert await session.open() == {}
        await until_confirmed(session, timedelta(seconds=2))
        await session.close()
    assert opened[:3] == [False, True, True]


async def test_the_number_of_requests_hardly_depends_on_the_number_of_machines(limits: Limits) -> None:
    """Set-up of 5 and of 40 machines: whatever is asked for all of them is asked at once."""
    asked = []
    for count in (5, 40):
        limits.requests.clear()
        async with server_of([f"m{place}" for place in range(count)]) as settings:
            session = OpcUaSession(settings, PKI, CLOCK)
            assert await session.open() == {}
            asked.append(limits.requests.total())
            await session.close()
    assert asked[0] == asked[1] <= 8


async def test_few_servers_are_connected_to_at_the_same_time(
    writer: ReportWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is off does not wait for its turn, as it would keep others waiting then."""
    now, most, all_tried = 0, 0, asyncio.Event()
    let_go, tried = asyncio.Event(), list[OpcUaSession]()

    async def open_slowly(session: OpcUaSession) -> dict[str, str]:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        tried.append(session)
        await let_go.wait()
        now -= 1
        if len(tried) == 5:
            all_tried.set()
        raise SourceLostError("slow")

    monkeypatch.setattr(OpcUaSession, "open", open_slowly)
    opening, listening = asyncio.Semaphore(2), await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    machine = [{"id": "m1", "browse_name": "M1"}]
    port = listening.sockets[0].getsockname()[1]
    settings = OpcUaServer.validated({"endpoint": f"opc.tcp://127.0.0.1:{port}", "machine": machine})
    off = OpcUaServer.validated({"endpoint": f"opc.tcp://127.0.0.1:{free_port()}", "machine": machine})
    async with contextlib.AsyncExitStack() as sources, asyncio.timeout(60):
        for _ in range(5):
            await sources.enter_async_context(running(OpcUaSource(settings, PKI, writer, CLOCK, opening)))
        while len(tried) < 2:
            await asyncio.sleep(0.01)
        dead = OpcUaSource(off, PKI, writer, CLOCK, opening)
        await sources.enter_async_context(running(dead))
        await dead.contact.first.wait()
        assert dead.contact.why == "no connection"
        let_go.set()
        await all_tried.wait()
    listening.close()
    assert most == 2
