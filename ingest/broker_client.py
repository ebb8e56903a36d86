"""paho's client after the `[mqtt]` table, for the threads of this side."""

from __future__ import annotations

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.broker import BrokerSettings


def broker_client(
    settings: BrokerSettings, client_id: str, *, durable: bool = False, manual_ack: bool = False
) -> mqtt.Client:
    """Not yet connected. `durable`: the broker keeps the session while the client is away (with MQTT 5 the properties of the connection
    say for how long). Raises UserError where a password or certificate cannot be read."""
    five = settings.protocol == "5"
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
        clean_session=None if five else not durable,
        manual_ack=manual_ack,
    )
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password())
    context = settings.tls_context()
    if context is not None:
        client.tls_set_context(context)
    return client
