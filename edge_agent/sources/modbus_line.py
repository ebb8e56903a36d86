"""One Modbus connection to a device, or to a gateway with several units behind it, shared by all its readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin

from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import Function
from edge_agent.register_plan import Block
from edge_agent.sources.contact import SourceLostError

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # `Contact` logs problems, once per device

Client = AsyncModbusTcpClient | AsyncModbusSerialClient

_BUSY = (5, 6)
_NOBODY_THERE = (0x0A, 0x0B)
"""Exception codes with which a gateway reports that a unit does not answer."""

_EXCEPTIONS = {
    1: "it does not know this kind of register",
    2: "it has no such register",
    3: "it does not take this number of registers",
    4: "it reports a failure",
    5: "it has not finished an earlier request",
    6: "it is busy",
}
"""The exception codes of the Modbus specification, in words."""

_READS: Mapping[Function, Callable[..., Any]] = {
    "holding": ModbusClientMixin.read_holding_registers,
    "input": ModbusClientMixin.read_input_registers,
    "coil": ModbusClientMixin.read_coils,
    "discrete": ModbusClientMixin.read_discrete_inputs,
}

_NOUNS: Mapping[Function, str] = {
    "holding": "holding register",
    "input": "input register",
    "coil": "coil",
    "discrete": "discrete input",
}

_BUSY_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
"""A busy unit is asked again after these pauses, in which other units use the line. Together they are shorter than three polls."""

_IDENTIFICATIONS = (2, 1)
"""Read codes of function 43/14: regular, which has the product's name; basic, which every device must have."""

_NEVER_S = 3600.0


class NoAnswerError(SourceLostError):
    """The unit does not answer in time, or closes the connection instead."""


class RefusedError(SourceLostError):
    """The unit answered with an exception: it does not give these registers."""


class BusyError(SourceLostError):
    """The unit has answered for a while that it is busy."""


class LineDownError(SourceLostError):
    """No connection can be made. Retried soon, because an attempt costs the other units nothing."""


class ModbusLine:
    """Sends requests one at a time, in order, since most gateways and every serial line support no more.

    If a request is not answered in time, the connection is closed: a late answer must not be taken for the answer to the next
    request. The next request opens a new connection. A device that closes the connection between two requests is asked once more at once.
    """

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._client: Client | None = None
        self._closed: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._users = 0

    def join(self) -> None:
        """Register a reader."""
        self._users += 1

    async def leave(self) -> None:
        """Unregister a reader; the last one closes the connection."""
        self._users -= 1
        if self._users <= 0:
            async with self._turn:
                self._drop()

    async def read_words(self, unit: int, function: Function, address: int, count: int, timeout: float) -> list[int]:
        """Read registers. Raises SourceLostError, and RefusedError if the unit does not give them."""
        answer = await self._read(unit, function, address, count, timeout)
        if len(answer.registers) != count:
            raise SourceLostError(f"unit {unit} answered {len(answer.registers)} words, not {count}")
        return list(answer.registers)

    async def read_bits(self, unit: int, function: Function, address: int, count: int, timeout: float) -> list[bool]:
        """Read coils or discrete inputs. Raises as `read_words`."""
        answer = await self._read(unit, function, address, count, timeout)
        if len(answer.bits) < count:
            raise SourceLostError(f"unit {unit} answered {len(answer.bits)} bits, not {count}")
        return [bool(bit) for bit in answer.bits[:count]]

    async def read_values(
        self, unit: int, function: Function, blocks: Iterable[Block], timeout: float
    ) -> AsyncIterator[tuple[Block, dict[str, float | None] | RefusedError]]:
        """What each block gives. Raises SourceLostError, but not if the unit refuses a value.

        Some devices refuse a request that spans registers they do not have: it is split until each part is given, or is a single value.
        """
        waiting = list(blocks)
        while waiting:
            block = waiting.pop(0)
            try:
                words = await self.read_words(unit, function, block.address, block.count, timeout)
            except RefusedError as error:
                parts = block.split()
                if parts is None:
                    yield block, error
                waiting[:0] = parts or ()
            else:
                yield block, block.decode(words)

    async def identification(self, unit: int, timeout: float) -> str:
        """Vendor, product and revision (function 43/14); empty if the unit does not give them. Raises LineDownError."""
        for read_code in _IDENTIFICATIONS:
            try:
                answer = await self._ask(
                    unit,
                    timeout,
                    partial(ModbusClientMixin.read_device_information, read_code=read_code, device_id=unit),
                )
            except NoAnswerError:
                continue
            values = getattr(answer, "information", {}).values() if not answer.isError() else []
            parts = [value.decode("utf-8", "replace").strip() for value in values if isinstance(value, bytes)]
            if any(parts):
                return " ".join(part for part in parts if part)
        return ""

    async def _read(self, unit: int, function: Function, address: int, count: int, timeout: float) -> Any:
        request = partial(_READS[function], address=address, count=count, device_id=unit)
        for pause in (*_BUSY_PAUSES_S, None):
            answer = await self._ask(unit, timeout, request)
            if not answer.isError():
                return answer
            code = answer.exception_code
            if code not in _BUSY:
                break
            if pause is not None:
                await asyncio.sleep(pause)
        if code in _NOBODY_THERE:
            raise NoAnswerError(f"no answer from unit {unit}: the gateway {self._device.line} does not reach it")
        noun = _NOUNS[function]
        asked = f"{noun} {address}" if count == 1 else f"{noun}s {address} to {address + count - 1}"
        why = f"{_EXCEPTIONS[code]} (exception {code})" if code in _EXCEPTIONS else f"exception {code}"
        error = BusyError if code in _BUSY else RefusedError
        raise error(f"unit {unit} at {self._device.line} does not give {asked}: {why}")

    async def _ask(self, unit: int, timeout: float, request: Callable[[Client], Awaitable[Any]]) -> Any:
        """The unit's answer, which may be an exception. Raises LineDownError, NoAnswerError."""
        async with self._turn:
            while True:
                used_before = self._client is not None and self._client.connected
                client, closed = await self._connected(timeout)
                try:
                    return await _within(timeout, request(client), closed)
                except ConnectionResetError as error:
                    self._drop()
                    if not used_before:
                        why = f"unit {unit} at {self._device.line} closes the connection instead of answering"
                        raise NoAnswerError(why) from error
                except (ModbusException, TimeoutError, OSError) as error:
                    self._drop()
                    why = f"no answer from unit {unit} at {self._device.line} in {timeout:g} s"
                    raise NoAnswerError(why) from error
                except BaseException:
                    self._drop()  # cancelled during a request: the next reader would get its answer
                    raise

    async def _connected(self, timeout: float) -> tuple[Client, asyncio.Future[None]]:
        """The connection, and what is done once the other side has closed it. Raises LineDownError."""
        if self._client is not None and self._closed is not None and self._client.connected:
            return self._client, self._closed
        self._drop()
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_change(connected: bool) -> None:
            if not connected and not closed.done():
                closed.set_result(None)

        client = _new_client(self._device, on_change)
        try:
            connected = await _within(timeout, client.connect(), closed)
        except (ModbusException, TimeoutError, OSError):
            connected = False
        except BaseException:
            client.close()
            raise
        if not connected:
            client.close()
            raise LineDownError(f"no connection to {self._device.line}")
        self._client, self._closed = client, closed
        return client, closed

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = self._closed = None


async def _within(timeout: float, call: Awaitable[Any], closed: asyncio.Future[None]) -> Any:
    """Await `call` in a task of its own. Raises TimeoutError, and ConnectionResetError as soon as `closed` is done.

    pymodbus turns a cancellation into an error or a result: a task that awaited it directly could not be cancelled. A request whose
    connection is closed it leaves waiting.
    """
    calling = asyncio.ensure_future(call)
    try:
        await asyncio.wait((calling, closed), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if calling.done():
            return calling.result()
        raise ConnectionResetError if closed.done() else TimeoutError
    finally:
        if not calling.done():
            calling.add_done_callback(lambda done: done.cancelled() or done.exception())
            calling.cancel()


class ModbusLines:
    """The lines of an agent. Devices with the same address share one."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, int, str, int], ModbusLine] = {}

    def for_device(self, device: ModbusDevice) -> ModbusLine:
        return self._lines.setdefault(device.line_settings, ModbusLine(device))


def _new_client(device: ModbusDevice, on_change: Callable[[bool], None]) -> Client:
    # pymodbus's own retries, reconnection and time-outs are switched off: the source does all of them.
    if device.transport == "serial":
        return AsyncModbusSerialClient(
            device.serial_port or "",
            framer=FramerType.RTU,
            baudrate=device.baudrate,
            parity=device.parity,
            stopbits=device.stopbits,
            timeout=_NEVER_S,
            retries=0,
            reconnect_delay=0,
            trace_connect=on_change,
        )
    framer = FramerType.RTU if device.transport == "rtu-over-tcp" else FramerType.SOCKET
    return AsyncModbusTcpClient(
        device.host or "",
        port=device.port,
        framer=framer,
        timeout=_NEVER_S,
        retries=0,
        reconnect_delay=0,
        trace_connect=on_change,
    )
