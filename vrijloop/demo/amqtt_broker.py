"""Runs amqtt in a separate process: `python -m vrijloop.demo amqtt_broker CONFIG.json`."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from amqtt.broker import Broker


async def _run(config: dict[str, object]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(config)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main(arguments: list[str]) -> None:
    asyncio.run(_run(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))))
