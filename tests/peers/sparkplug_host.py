"""The same host application as `sparkplug_host.mjs`, on pysparkplug, which has its own environment: it needs an older paho-mqtt than Vrijloop.

python sparkplug_host.py PORT
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from pysparkplug import Client, DataType, Message, MessageType, Metric, NCmd, QoS, State, Topic

nodes: dict[str, dict[str, Any]] = {}
messages: list[dict[str, Any]] = []
lock = threading.Lock()


def hear(client: Client, message: Message) -> None:
    topic, payload = message.topic, message.payload
    kind = topic.message_type.value
    metrics = getattr(payload, "metrics", None) or ([payload.bd_seq_metric] if kind == "NDEATH" else [])
    # Of qualities it reads none; times of the type DateTime it gives as such.
    values = {
        one.name: {
            "value": one.value.timestamp() * 1000 if one.datatype is DataType.DATETIME and one.value else one.value
        }
        for one in metrics
    }
    seq = getattr(payload, "seq", None)
    with lock:
        messages.append({"kind": kind, "device": topic.device_id, "seq": seq})
        blank: dict[str, Any] = {"online": False, "gaps": 0, "deathsOfOthers": 0, "devices": {}}
        known = nodes.setdefault(f"{topic.group_id}/{topic.edge_node_id}", blank)
        if kind == "NBIRTH":
            known.update(online=True, bdSeq=values["bdSeq"]["value"], metrics=values, devices={})
        elif kind == "NDEATH":
            mine = values["bdSeq"]["value"] == known.get("bdSeq")
            known.update(online=False) if mine else known.update(deathsOfOthers=known["deathsOfOthers"] + 1)
        elif seq != (known["seq"] + 1) % 256:
            known["gaps"] += 1
        if seq is not None:
            known["seq"] = seq
        if kind == "DBIRTH":
            known["devices"][topic.device_id] = {"online": True, "metrics": values}
        elif kind == "DDATA":
            known["devices"][topic.device_id]["metrics"].update(values)
        elif kind == "DDEATH":
            known["devices"][topic.device_id]["online"] = False


def wanted(kind: MessageType) -> Topic:
    return Topic("+", kind, "+", "+" if kind.value.startswith("D") else None)


def main() -> None:
    ready = threading.Event()
    client = Client()
    client.connect("127.0.0.1", port=int(sys.argv[1]), callback=lambda _: ready.set())
    ready.wait(30)
    for name in ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"):
        client.subscribe(wanted(MessageType(name)), QoS.AT_LEAST_ONCE, hear)
    time.sleep(0.3)  # it does not tell when the broker has subscribed it
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        now = int(time.time() * 1000)
        if "rebirth" in command:
            group, node = command["rebirth"].split("/")
            metrics = (Metric(now, "Node Control/Rebirth", DataType.BOOLEAN, value=True),)
            topic = Topic(group, MessageType.NCMD, node)
            client.publish(Message(topic, NCmd(now, metrics), QoS.AT_MOST_ONCE, False), include_dtypes=True)
        if "state" in command:
            topic = Topic(message_type=MessageType.STATE, sparkplug_host_id=command["host"])
            client.publish(Message(topic, State(**command["state"]), QoS.AT_LEAST_ONCE, True))
        with lock:
            print(json.dumps({"nodes": nodes, "messages": messages}), flush=True)
    client.disconnect()


main()
