"""The status of gateways, from a real publisher over a real broker."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import paho.mqtt.publish as mqtt_publish
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from ingest.gateways import GatewayStatus, GatewayWatch
from stores import GatewayLedger
from telemetry import MachineState, StateInterval, SystemClock
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import decode_health
from tests.servers import Mosquitto, wait_for

CLOCK = SystemClock()


def heard(watch: GatewayWatch, gateway: str) -> GatewayStatus | None:
    return next((one for one in watch.gateways() if one.gateway == gateway), None)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (b"vrijloop/v1/genk/\xff/health", b"{}"),
        (b"vrijloop/v1/genk/gw-1/health", b'{"outbox": 1, "x": ' + b"[" * 3000),
        (b"vrijloop/v1/genk/gw-1/health", b"\xff"),
    ],
)
def test_a_message_that_cannot_be_read_costs_no_other(topic: bytes, payload: bytes) -> None:
    """The thread that hears it hears all others, too."""
    watch = GatewayWatch(BrokerSettings(url="mqtt://127.0.0.1:1"), "test", CLOCK)
    for name, content in ((topic, payload), (b"vrijloop/v1/genk/gw-2/status", b"online")):
        message = mqtt.MQTTMessage(1, name)
        message.payload = content
        watch._on_message(mqtt.Client(CallbackAPIVersion.VERSION2), None, message)
    assert [one.gateway for one in watch.gateways()] == ["gw-2"]


async def test_an_agents_outbox_and_its_end_are_shown(broker: Mosquitto, tmp_path: Path) -> None:
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    now = CLOCK.now()
    outbox.append([("m1", StateInterval(MachineState.EXECUTING, now, now))])
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    watch = GatewayWatch(BrokerSettings(url=broker.url), "test", CLOCK)
    watch.start()
    running = asyncio.create_task(publisher.run())
    await asyncio.to_thread(
        wait_for, lambda: (one := heard(watch, "gw-1")) is not None and one.online and one.outbox is not None, "health"
    )
    found = heard(watch, "gw-1")
    assert found is not None
    assert found.outbox in (0, 1)
    assert found.version
    publisher.stop()
    await running
    await asyncio.to_thread(wait_for, lambda: not getattr(heard(watch, "gw-1"), "online", True), "the end")
    watch.stop()
    # Retained: who comes later knows it, too.
    late = GatewayWatch(BrokerSettings(url=broker.url, protocol="3.1.1"), "late", CLOCK)
    late.start()
    await asyncio.to_thread(
        wait_for, lambda: getattr(heard(late, "gw-1"), "outbox", None) is not None, "what is retained"
    )
    late.stop()
    outbox.close()


def test_invalid_messages_are_logged_and_ignored(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    watch = GatewayWatch(BrokerSettings(url=broker.url), "test", CLOCK)
    watch.start()
    sent = [
        ("vrijloop/v1/genk/gw-2/status", b"perhaps"),
        ("vrijloop/v1/genk/gw-2/health", b"{"),
        ("vrijloop/v1/genk/gw-2/health", b'{"outbox": -1}'),
        ("vrijloop/v1/genk/gw-2/health", b'{"outbox": 1e30}'),
        ("vrijloop/v1/genk/gw-2/health", b'{"outbox": 1, "certificate_days": 9223372036854775807}'),
        ("vrijloop/v1/genk/gw-2/health", b'{"outbox": 1, "v": 2}'),
        ("vrijloop/v1/genk/gw-2/health", b" " * 5000),
        ("vrijloop/v1/Genk/gw-2/status", b"online"),
        ("vrijloop/v1/genk/gw-3/health", b'{"outbox": 5, "more": "that a later agent tells"}'),
    ]
    mqtt_publish.multiple([(topic, payload, 1, True) for topic, payload in sent], port=broker.port)
    wait_for(lambda: heard(watch, "gw-3") is not None, "the good one")
    assert [one.gateway for one in watch.gateways()] == ["gw-3"]
    assert caplog.text.count("Invalid gateway message") >= 3, "at least what is retained"
    watch.stop()


def test_a_gateway_that_was_stored_and_never_heard_is_offline() -> None:
    watch = GatewayWatch(BrokerSettings(), "test", CLOCK)
    points = watch.points([GatewayLedger("genk", "gw-9", 100, 3, 0, ((1, 3),))])
    assert [dict(one.fields) for one in points] == [{"online": 0, "stored": 100, "missing": 3}]


@pytest.mark.parametrize(
    ("silent", "online"), [(timedelta(minutes=4), True), (timedelta(minutes=6), False), (timedelta(days=30), False)]
)
def test_a_gateway_that_was_cut_off_without_a_last_word_is_offline(silent: timedelta, online: bool) -> None:
    """A broker that was killed, or that has shut the gateway out, publishes no will message: what stays is the retained `online`."""
    present = [CLOCK.now()]
    clock = SystemClock()
    clock.now = lambda: present[0]  # type: ignore[method-assign]
    watch = GatewayWatch(BrokerSettings(), "test", clock)
    message = mqtt.MQTTMessage(topic=b"vrijloop/v1/genk/gw-1/status")
    message.payload = b"online"
    watch._on_message(watch._client, None, message)
    present[0] += silent
    (status,), (point,) = watch.gateways(), watch.points([])
    assert (status.online, point.fields["online"]) == (online, int(online))


@pytest.mark.parametrize(
    "payload",
    [b'{"outbox": -1}', b'{"outbox": 9223372036854775807}', b'{"outbox": 1e30}', b'{"outbox": 1, "certificate_days": 4000001}', b'{"outbox": 1, "certificate_days": 1e30}'],
)  # fmt: skip
def test_numbers_that_no_store_takes_are_refused(payload: bytes) -> None:
    """One gateway's nonsense would keep the health of all others from being written."""
    with pytest.raises(ValueError, match="not a health message"):
        decode_health(payload)
