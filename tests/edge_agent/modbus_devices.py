"""Modbus devices as they are configured for tests."""

from __future__ import annotations

from typing import Any

from edge_agent.configuration import ModbusDevice

THRESHOLDS = {"off_below_w": 100, "idle_below_w": 1500, "working_from_w": 2500}
EXECUTING_WORD, WAITING_WORD = 0b0011, 0b0001
"""Of the template plc-status-word."""


def status_word(port: int, machine: str = "m1", unit: int = 1, **more: Any) -> ModbusDevice:
    return ModbusDevice.validated(
        {"id": machine, "host": "127.0.0.1", "port": port, "unit": unit, "template": "plc-status-word",
         "poll_interval": "20ms", "timeout": "200ms"} | more
    )  # fmt: skip


def sdm630_at(port: int, **more: Any) -> ModbusDevice:
    return ModbusDevice.validated(
        {"id": "m1", "host": "127.0.0.1", "port": port, "template": "eastron-sdm630", "thresholds": THRESHOLDS} | more
    )
