"""The same edge node as `sparkplug_node.mjs`, on pysparkplug, which has its own environment: it needs an older paho-mqtt than Vrijloop.

It takes no request for its birth, and has the devices that its command line names, each with the metric Execution = READY.
    python sparkplug_node.py PORT GROUP NODE DEVICE…
"""

from __future__ import annotations

import json
import sys
import threading
import time

from pysparkplug import DataType, Device, EdgeNode, Metric


def metric(value: str, at_ms: int | None = None) -> Metric:
    past = at_ms is not None
    return Metric(at_ms or int(time.time() * 1000), "Execution", DataType.STRING, value=value, is_historical=past)


def main() -> None:
    port, group, name, *devices = sys.argv[1:]
    commands: list[str] = []
    node = EdgeNode(
        group, name, (), cmd_callback=lambda _, message: commands.extend(one.name for one in message.payload.metrics)
    )
    for device in devices:
        node.register(Device(device, (metric("READY"),)))
    node.connect("127.0.0.1", port=int(port), keepalive=5)
    threading.Event().wait(0.2)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "data" in command:
            node.update_device(command["device"], (metric(command["data"]["Execution"]),))
        if "dies" in command:
            node.deregister(command["device"])
        print(json.dumps({"commands": commands}), flush=True)
    node.disconnect()


main()
