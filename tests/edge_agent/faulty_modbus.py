"""A Modbus TCP device that can be made to misbehave as real devices do."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Literal

Behaviour = Literal[
    "answers", "silent", "late", "other_unit", "garbage", "half_a_frame", "small_requests_only", "refuses"
]

Closes = Literal["never", "after each answer", "between units", "instead of answering"]


class FaultyDevice:
    """Several units behind one address, each with its own behaviour; every register has the value `value(unit)`."""

    def __init__(self, value: Callable[[int], int]) -> None:
        self.behaviour: dict[int, Behaviour] = {}
        self.value = value
        self.asked: list[tuple[int, int, int]] = []
        """(unit, address, count) of every request."""
        self.exception: Callable[[int, int, int], int] = lambda unit, address, count: 0
        """The exception code with which a request is answered; 0 for none."""
        self.loses = 0
        """So many requests are not answered; then it answers again."""
        self.closes: Closes = "never"
        self.one_connection = False
        """Further connections are closed at once, as by devices with a single socket."""
        self.late_s = 0.4
        self.connections = self.turned_away = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def stop_listening(self) -> None:
        """Refuse further connections."""
        assert self._server is not None
        self._server.close()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.one_connection and self._writers:
            self.turned_away += 1
            writer.close()
            return
        self._writers.add(writer)
        served: int | None = None
        try:
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                function, address, count = struct.unpack(
                    ">BHH", (await reader.readexactly(length - 1))[:5].ljust(5, b"\0")
                )
                self.asked.append((unit, address, count))
                if self.closes == "instead of answering" or (
                    self.closes == "between units" and served not in (None, unit)
                ):
                    break
                served = unit
                await self._answer(writer, transaction, unit, function, address, count)
                if self.closes == "after each answer":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, transaction: int, unit: int, function: int, address: int, count: int
    ) -> None:
        behaviour = self.behaviour.get(unit, "answers")
        exception = self.exception(unit, address, count) if function in (3, 4) else 1
        words = struct.pack(f">{count}H", *[self.value(unit)] * count)
        body = struct.pack(">BBB", unit, function, len(words)) + words
        if behaviour == "silent":
            return
        if self.loses:
            self.loses -= 1
            return
        if behaviour == "late":
            await asyncio.sleep(self.late_s)
        if behaviour == "other_unit":
            body = bytes([unit + 1]) + body[1:]
        if behaviour == "refuses" or (behaviour == "small_requests_only" and count > 2):
            exception = 2
        if exception:
            body = struct.pack(">BBB", unit, function | 0x80, exception)
        frame = struct.pack(">HHH", transaction, 0, len(body)) + body
        if behaviour == "garbage":
            frame = b"\xff\x00HTTP/1.1 400 Bad Request\r\n\r\n"
        if behaviour == "half_a_frame":
            frame = frame[: len(frame) // 2]
        writer.write(frame)
        await writer.drain()
        if behaviour == "half_a_frame":
            writer.close()
