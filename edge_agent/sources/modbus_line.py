"""One Modbus connection to a device, or to a gateway with several units behind it, shared by all its readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import Function
from edge_agent.sources.contact import SourceLostError

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # `Contact` logs problems, once per device

Client = AsyncModbusTcpClient | AsyncModbusSerialClient

_ILLEGAL_ADDRESS = 2
_NOBODY_THERE = (0x0A, 0x0B)
"""Exception codes with which a gateway reports that a unit does not answer."""

_NEVER_S = 3600.0


class RefusedError(SourceLostError):
    """The device answered that it does not have these registers."""


class LineDownError(SourceLostError):
    """No connection can be made. Retried soon, because an attempt costs the other units nothing."""


class ModbusLine:
    """Sends requests one at a time, in order, since most gateways and every serial line support no more.

    If a request is not answered in time, the connection is closed: a late answer must not be taken for the answer to the next
    request. The next request opens a new connection.
    """

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._client: Client | None = None
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
        """Read registers. Raises SourceLostError, and RefusedError if the device does not have them."""
        answer = await self._request(unit, function, address, count, timeout)
        if len(answer.registers) != count:
            raise SourceLostError(f"unit {unit} answered {len(answer.registers)} words, not {count}")
        return list(answer.registers)

    async def read_bits(self, unit: int, function: Function, address: int, count: int, timeout: float) -> list[bool]:
        """Read coils or discrete inputs. Raises as `read_words`."""
        answer = await self._request(unit, function, address, count, timeout)
        if len(answer.bits) < count:
            raise SourceLostError(f"unit {unit} answered {len(answer.bits)} bits, not {count}")
        return [bool(bit) for bit in answer.bits[:count]]

    async def _request(self, unit: int, function: Function, address: int, count: int, timeout: float) -> Any:
        async with self._turn:
            client = await self._connected(timeout)
            reads: dict[Function, Callable[..., Awaitable[Any]]] = {
                "holding": client.read_holding_registers,
                "input": client.read_input_registers,
                "coil": client.read_coils,
                "discrete": client.read_discrete_inputs,
            }
            try:
                answer = await _within(timeout, reads[function](address, count=count, device_id=unit))
            except (ModbusException, TimeoutError, OSError) as error:
                self._drop()
                raise SourceLostError(f"no answer from unit {unit} at {self._device.line} in {timeout:g} s") from error
            except BaseException:
                self._drop()  # cancelled during a request: the next reader would get its answer
                raise
        if answer.isError():
            code = getattr(answer, "exception_code", None)
            if code in _NOBODY_THERE:
                raise SourceLostError(f"no answer from unit {unit}: the gateway {self._device.line} does not reach it")
            if code == _ILLEGAL_ADDRESS:
                raise RefusedError(f"unit {unit} at {self._device.line} has no {count} {function} words at {address}")
            raise SourceLostError(f"unit {unit} at {self._device.line} refuses register {address} ({answer})")
        return answer

    async def _connected(self, timeout: float) -> Client:
        if self._client is not None and self._client.connected:
            return self._client
        self._drop()
        client = _new_client(self._device)
        try:
            connected = await _within(timeout, client.connect())
        except (ModbusException, TimeoutError, OSError):
            connected = False
        except BaseException:
            client.close()
            raise
        if not connected:
            client.close()
            raise LineDownError(f"no connection to {self._device.line}")
        self._client = client
        return client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


async def _within(timeout: float, call: Awaitable[Any]) -> Any:
    """Await `call` in a task of its own. Raises TimeoutError.

    pymodbus turns a cancellation into an error or a result: a task that awaited it directly could not be cancelled.
    """
    calling = asyncio.ensure_future(call)
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.shield(calling)
    except BaseException:
        calling.add_done_callback(lambda done: done.cancelled() or done.exception())
        calling.cancel()
        raise


class ModbusLines:
    """The lines of an agent. Devices with the same address share one."""

    def __init__(self) -> None:
        self._lines: dict[str, ModbusLine] = {}

    def for_device(self, device: ModbusDevice) -> ModbusLine:
        return self._lines.setdefault(device.line, ModbusLine(device))


def _new_client(device: ModbusDevice) -> Client:
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
        )
    framer = FramerType.RTU if device.transport == "rtu-over-tcp" else FramerType.SOCKET
    return AsyncModbusTcpClient(
        device.host or "", port=device.port, framer=framer, timeout=_NEVER_S, retries=0, reconnect_delay=0
    )
