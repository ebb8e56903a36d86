"""paho clients built from the `[mqtt]` table: the only place that translates `BrokerSettings` for paho.

Imported by the modules that speak MQTT. `telemetry` itself does not import it, so the package works without paho.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as mqtt
import paho.mqtt.publish as mqtt_publish
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry.broker import BrokerSettings

_END_SESSION_S = 5.0
_OTHER_PROTOCOL = {0x01, 0x84}
"""Unsupported protocol version: as a broker of MQTT 3.1.1 says it (table 3.1), and as one of MQTT 5 does (section 3.2.2.2)."""
_WRONG_LOGIN = {0x04, 0x05, 0x86, 0x87}
"""Bad user name or password, and not authorized, in the same two versions."""


def build_client(
    settings: BrokerSettings,
    client_id: str,
    *,
    durable: bool = False,
    manual_ack: bool = False,
    reconnect_on_failure: bool = True,
) -> mqtt.Client:
    """Build a client that is not yet connected.

    `durable`: the broker keeps the session while the client is away; connect it with `connect_durable`.
    `reconnect_on_failure`: whether paho reconnects by itself, which blocks the thread that calls it.
    Raises UserError if a password or certificate file cannot be read.
    """
    mqtt5 = settings.protocol == "5"
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=_protocol(settings),
        clean_session=None if mqtt5 else not durable,
        manual_ack=manual_ack,
        reconnect_on_failure=reconnect_on_failure,
    )
    if (login := settings.login()) is not None:
        client.username_pw_set(*login)
    context = settings.tls_context()
    if context is not None:
        client.tls_set_context(context)
    return client


def topic_of(message: mqtt.MQTTMessage) -> str:
    """The topic of a message; empty where it is no UTF-8, of which not every broker takes care. paho raises an error each time that it is asked for such a one."""
    try:
        return str(message.topic)
    except UnicodeDecodeError:
        return ""


def refusal_of(reason: ReasonCode) -> str:
    """Why a broker refuses the connection, from its CONNACK, as the end of a sentence about it."""
    if reason.value in _OTHER_PROTOCOL:
        return 'it does not speak MQTT 5. Set `protocol = "3.1.1"` under [mqtt]'
    advice = ". Check user name, password and rights" if reason.value in _WRONG_LOGIN else ""
    return f"it refuses the connection ({reason}){advice}"


def connect_durable(
    client: mqtt.Client, settings: BrokerSettings, *, session_expiry_s: int, receive_maximum: int | None = None
) -> None:
    """Open the connection of a client built with `durable` and send CONNECT; blocks until the socket is open.

    With MQTT 3.1.1 the broker's own limits hold for session expiry and receive maximum. Raises OSError.
    """
    if settings.protocol != "5":
        client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    if receive_maximum is not None:
        properties.ReceiveMaximum = receive_maximum
    client.connect(
        settings.host, settings.port, keepalive=settings.keepalive_s, clean_start=False, properties=properties
    )


def end_session(settings: BrokerSettings, client_id: str) -> None:
    """Make the broker forget what it keeps for a client that is not connected. Raises OSError."""
    client = build_client(settings, client_id, reconnect_on_failure=False)
    client.connect_timeout = _END_SESSION_S
    client.on_connect = lambda client, *_: client.disconnect()
    client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)  # a clean one, as it is not `durable`
    deadline = time.monotonic() + _END_SESSION_S
    while client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS and time.monotonic() < deadline:
        pass


def publish_messages(settings: BrokerSettings, client_id: str, messages: Iterable[tuple[str, bytes]]) -> None:
    """Publish pairs of topic and payload with QoS 1, not retained, on a connection of their own. Raises OSError, and UserError as `build_client`."""
    login = settings.login()
    auth: Any = {"username": login[0], "password": login[1]} if login is not None else None
    context: Any = settings.tls_context()
    mqtt_publish.multiple(
        [(topic, payload, 1, False) for topic, payload in messages],
        hostname=settings.host,
        port=settings.port,
        client_id=client_id,
        auth=auth,
        tls=context,
        protocol=_protocol(settings),
    )


def _protocol(settings: BrokerSettings) -> MQTTProtocolVersion:
    return MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311
