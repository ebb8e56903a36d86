"""Tracks the status and health messages of gateways. Used for display only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from stores import GatewayLedger, Point
from stores.points import health_time
from telemetry import Clock
from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client, refusal_of, topic_of
from telemetry.gateway_health import decode_health
from telemetry.measurements import GATEWAY
from telemetry.topics import HEALTH_FILTER, STATUS_FILTER, parse_gateway_topic

_log = logging.getLogger(__name__)

MAX_GATEWAYS = 10_000
"""Further gateways are ignored, so that invented names cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """`online`: from the last status or will message. The others: from the last health message, None before the first."""

    factory: str
    gateway: str
    online: bool
    at: datetime
    outbox: int | None = None
    version: str | None = None
    certificate_days: int | None = None


_SILENT_AFTER = timedelta(minutes=5)
"""A gateway publishes its health twice a minute. A broker that was killed or shuts a gateway out publishes no will message, and the retained `online` stays."""


class GatewayWatch:
    """Has its own connection and thread. Reconnects by itself."""

    def __init__(self, settings: BrokerSettings, name: str, clock: Clock) -> None:
        """`name` makes the client id unique. Raises UserError if a password or certificate file cannot be read."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._gateways: dict[tuple[str, str], GatewayStatus] = {}
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

    def gateways(self) -> list[GatewayStatus]:
        """All known gateways, ordered by factory and gateway. One that has said nothing for long is offline, whatever it said last."""
        heard_since = self._clock.now() - _SILENT_AFTER
        with self._lock:
            known = [self._gateways[key] for key in sorted(self._gateways)]
        return [replace(one, online=one.online and one.at >= heard_since) for one in known]

    def points(self, ledger: Sequence[GatewayLedger]) -> list[Point]:
        """A point of the measurement `GATEWAY` for each gateway that was heard or is in the ledger."""
        now = self._clock.now()
        heard = {(status.factory, status.gateway): status for status in self.gateways()}
        entries = {(entry.factory, entry.gateway): entry for entry in ledger}
        points = []
        for factory, gateway in sorted(heard.keys() | entries.keys()):
            live, held = heard.get((factory, gateway)), entries.get((factory, gateway))
            fields: dict[str, float | int | str] = {"online": int(live is not None and live.online)}
            if live is not None and live.outbox is not None:
                fields |= {"outbox": live.outbox, "version": live.version or ""}
            if live is not None and live.certificate_days is not None:
                fields["certificate_days"] = live.certificate_days
            if held is not None:
                fields |= {"stored": held.stored, "missing": held.missing}
            points.append(Point(GATEWAY, {"factory": factory, "gateway": gateway}, health_time(now), fields))
        return points

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            _log.warning(
                "MQTT broker %s, the connection that watches gateways: %s.", self._settings.address, refusal_of(reason)
            )
            return
        client.subscribe([(STATUS_FILTER, 1), (HEALTH_FILTER, 1)])

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        try:
            factory, gateway, kind = parse_gateway_topic(topic_of(message))
            with self._lock:
                held = self._gateways.get((factory, gateway))
                if held is None and len(self._gateways) >= MAX_GATEWAYS:
                    return
                self._gateways[factory, gateway] = self._updated(held, factory, gateway, kind, bytes(message.payload))
        except Exception as error:  # noqa: BLE001 - otherwise paho's thread would end, and no gateway be seen any more
            unexpected = None if isinstance(error, ValueError) else error
            _log.warning("Invalid gateway message on %s: %s.", topic_of(message)[:200], error, exc_info=unexpected)

    def _updated(
        self, held: GatewayStatus | None, factory: str, gateway: str, kind: str, payload: bytes
    ) -> GatewayStatus:
        now = self._clock.now()
        held = held or GatewayStatus(factory, gateway, False, now)
        if kind == "status":
            if payload not in (b"online", b"offline"):
                raise ValueError(f"a status is `online` or `offline`, not {payload[:40]!r}")
            return replace(held, online=payload == b"online", at=now)
        health = decode_health(payload)
        return replace(
            held, outbox=health.outbox, version=health.version[:40], certificate_days=health.certificate_days, at=now
        )
