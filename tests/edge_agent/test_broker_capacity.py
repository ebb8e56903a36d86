"""A broker that refuses a report and ends the connection must be understood: somebody has to give the agent a right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.broker_capacity import MOST_UNDER_WAY, SMALLEST_PAYLOAD, BrokerCapacity
from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from telemetry.broker import BrokerSettings
from tests.edge_agent.test_publishing import commit, until

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14


def send_window(capacity: BrokerCapacity, count: int, refused: int | None) -> bool | None:
    """A window of messages to a broker that reads one and ends the connection at `refused`. True: all are acknowledged; False: it is known that one
    was refused; None: the connection is lost and nobody knows why."""
    capacity.connect()
    capacity.begin()
    sent = acknowledged = 0
    while acknowledged < count:
        while sent < count and sent - acknowledged < capacity.under_way(1000):
            sent += 1
        if acknowledged == refused:
            capacity.lose()
            # What the broker has not read makes the operating system throw its answer away.
            return False if sent == refused + 1 else None
        capacity.acknowledge(100)
        acknowledged += 1
    capacity.complete()
    return True


@given(st.integers(1, 200), st.data())
def test_a_refusal_is_known_at_the_second_connection(count: int, data: st.DataObject) -> None:
    refused = data.draw(st.integers(0, count - 1))
    capacity = BrokerCapacity()
    first = send_window(capacity, count, refused)
    assert first is None or refused == count - 1
    assert send_window(capacity, count, refused) is False
    assert send_window(capacity, count, refused) is False, "also after it is known"
    assert send_window(capacity, count, None) is True
    capacity.begin()
    assert capacity.under_way(1000) == MOST_UNDER_WAY, "and after a whole window it is as quick as before"


@given(st.lists(st.integers(0, 60)), st.integers(1, 100))
def test_there_is_always_one_more_on_its_way_and_never_more_than_the_broker_takes(
    ends: list[int], receive_maximum: int
) -> None:
    capacity = BrokerCapacity()
    for end in ends:
        capacity.begin()
        for _ in range(end):
            assert 1 <= capacity.under_way(receive_maximum) <= min(MOST_UNDER_WAY, receive_maximum)
            capacity.acknowledge(10)
        capacity.lose()


def test_a_message_that_may_be_too_large_is_halved_down_to_what_went_through() -> None:
    capacity = BrokerCapacity(largest=70_000)
    capacity.acknowledge(9_000)
    for size in (35_000, 17_500, 9_000):
        assert capacity.blame_size(capacity.largest)
        assert capacity.largest == size
    assert not capacity.blame_size(9_000), "that has gone through before: something else is wrong"
    assert capacity.make_smaller()
    assert capacity.largest == 4_500
    assert not capacity.make_smaller(SMALLEST_PAYLOAD)


@dataclass
class RefusingBroker:
    """Speaks MQTT 5 and, as Mosquitto 2.0 does, answers a report that the agent may not publish with the reason and ends the connection. What it has
    not read by then makes the operating system throw that answer away; here it always does, where Mosquitto's users are sometimes lucky."""

    port: int = 0
    allows: bool = False
    reports: int = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        kind = (await reader.readexactly(1))[0] >> 4
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length, shift = length | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        packet = await reader.readexactly(length)
        if kind == CONNECT:
            writer.write(bytes([0x20, 3, 0, 0, 0]))
        elif kind == SUBSCRIBE:
            writer.write(bytes([0x90, 4, *packet[:2], 0, 1]))
        elif kind == PUBLISH:
            end = 2 + int.from_bytes(packet[:2], "big")
            is_report = packet[2:end].endswith(b"/state")
            self.reports += is_report and self.allows
            if is_report and not self.allows:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        if await reader.read(1):
                            return False
                writer.write(bytes([0x40, 4, *packet[end : end + 2], 0x87, 0]))
                return False
            writer.write(bytes([0x40, 2, *packet[end : end + 2]]))
        return kind != DISCONNECT


async def test_a_right_that_is_missing_is_said_although_the_broker_ends_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = RefusingBroker()
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    async with broker.serve():
        settings = BrokerSettings(url=f"mqtt://127.0.0.1:{broker.port}")
        publisher = Publisher(settings, "genk", "gw-1", outbox, committed)
        commit(outbox, committed, 700)
        running = asyncio.create_task(publisher.run())
        await until(lambda: "refuses reports (Not authorized)" in caplog.text)
        assert "Allow a user without a name to write vrijloop/v1/genk/+/state" in caplog.text
        assert "Is another agent with the name" not in caplog.text
        assert outbox.depth() == 700
        broker.allows = True
        await until(lambda: outbox.depth() == 0)
        publisher.stop()
        await running
    assert broker.reports >= 2
    outbox.close()
