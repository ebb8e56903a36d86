"""Which gateways are there: listens to what they say of themselves. Nothing hangs on it but what people are shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from stores import GatewayLedger, Point
from stores.points import health_time
from telemetry import Clock
from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client
from telemetry.gateway_health import decode_health
from telemetry.measurements import GATEWAY
from telemetry.topics import HEALTH_FILTER, STATUS_FILTER, parse_gateway_topic

_log = logging.getLogger(__name__)

MAX_GATEWAYS = 10_000
"""More are not looked at: somebody invents names."""


@dataclass(frozen=True, slots=True)
class GatewayNow:
    """`online` as the gateway or its will message said last; `outbox` and `version` None where it never told."""

    factory: str
    gateway: str
    online: bool
    at: datetime
    outbox: int | None = None
    version: str | None = None


class GatewayWatch:
    """A connection and a thread of its own. A broker that is away is tried again by itself."""

    def __init__(self, settings: BrokerSettings, name: str, clock: Clock) -> None:
        """`name`: of this watch at the broker. Raises UserError where a password or certificate cannot be read."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._gateways: dict[tuple[str, str], GatewayNow] = {}
        self._client = build_client(settings, f"vrijloop-watch-{name}")
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def start(self) -> None:
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def gateways(self) -> list[GatewayNow]:
        """Ordered by factory and gateway."""
        with self._lock:
            return [self._gateways[key] for key in sorted(self._gateways)]

    def points(self, ledger: Sequence[GatewayLedger]) -> list[Point]:
        """`GATEWAY` of each that was ever heard or stored."""
        now = self._clock.now()
        heard = {(one.factory, one.gateway): one for one in self.gateways()}
        booked = {(one.factory, one.gateway): one for one in ledger}
        points = []
        for factory, gateway in sorted(heard.keys() | booked.keys()):
            live, held = heard.get((factory, gateway)), booked.get((factory, gateway))
            fields: dict[str, float | int | str] = {"online": int(live is not None and live.online)}
            if live is not None and live.outbox is not None:
                fields |= {"outbox": live.outbox, "version": live.version or ""}
            if held is not None:
                fields |= {"stored": held.stored, "missing": held.missing}
            points.append(Point(GATEWAY, {"factory": factory, "gateway": gateway}, health_time(now), fields))
        return points

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            _log.warning("MQTT broker %s refuses the watch over gateways: %s.", self._settings.address, reason)
            return
        client.subscribe([(STATUS_FILTER, 1), (HEALTH_FILTER, 1)])

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        try:
            factory, gateway, kind = parse_gateway_topic(message.topic)
            with self._lock:
                held = self._gateways.get((factory, gateway))
                if held is None and len(self._gateways) >= MAX_GATEWAYS:
                    return
                self._gateways[factory, gateway] = self._said(held, factory, gateway, kind, bytes(message.payload))
        except ValueError as error:
            _log.warning("A message on %s says nothing of a gateway: %s.", message.topic[:200], error)

    def _said(self, held: GatewayNow | None, factory: str, gateway: str, kind: str, payload: bytes) -> GatewayNow:
        now = self._clock.now()
        held = held or GatewayNow(factory, gateway, False, now)
        if kind == "status":
            if payload not in (b"online", b"offline"):
                raise ValueError(f"a status is `online` or `offline`, not {payload[:40]!r}")
            return replace(held, online=payload == b"online", at=now)
        health = decode_health(payload)
        return replace(held, outbox=health.outbox, version=health.version[:40], at=now)
