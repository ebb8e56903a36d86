"""The connection of ingest to brokers that do what Mosquitto does not."""

from __future__ import annotations

import socket
import threading

import pytest

from ingest.received import Received
from ingest.subscription import Subscription
from telemetry import SystemClock
from telemetry.background import BackgroundTasks
from telemetry.broker import BrokerSettings
from tests.servers import wait_for

CLEAN = 0x02


class BrokenSession:
    """A broker of MQTT 3.1.1 that ends each connection in which it resumes the session, until a client asks for a clean one."""

    def __init__(self, refusals: int = 0) -> None:
        """`refusals`: so many subscriptions are answered with 0x91, as mochi does; below zero after one that was not."""
        self.broken, self.refusals, self.connections = True, refusals, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        flags = connection.recv(1000)[9]
        resumed = self.broken and not flags & CLEAN
        connection.sendall(bytes([0x20, 2, resumed, 0]))
        if resumed:
            return
        self.broken = False
        while request := connection.recv(1000):
            if request[0] == 0x82:
                self.refusals -= 1
                connection.sendall(bytes([0x90, 3, *request[2:4], 0x91 if self.refusals >= 0 else 1]))

    def close(self) -> None:
        self._listener.close()


class Nobody:
    """A consumer that takes nothing."""

    def take(self, received: Received) -> None: ...

    def gathered(self, quiet: bool) -> None: ...

    def full(self) -> bool:
        return False


def subscribed(broker: BrokenSession) -> Subscription:
    settings = BrokerSettings.validated({"url": f"mqtt://127.0.0.1:{broker.port}", "protocol": "3.1.1"})
    subscription = Subscription(settings, "1", Nobody(), shared=False, tasks=BackgroundTasks(SystemClock()))
    subscription.start()
    return subscription


def test_a_session_that_the_broker_cannot_resume_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """mochi 2.7.9 after a kill: the worker gave up and stayed away."""
    monkeypatch.setattr("ingest.subscription._RECONNECT_FIRST_S", 0.01)
    broker = BrokenSession()
    subscription = subscribed(broker)
    assert subscription.connected
    subscription.stop()
    broker.close()
    assert broker.connections == 5, "three to be sure, one to end the session, one to begin anew"
    assert caplog.text.count("cannot resume this worker's session") == 1


def test_an_identifier_that_the_broker_thinks_is_in_use_is_not_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """mochi counts the identifiers of its own messages: the next one is tried soon, and nobody is asked to look at rights."""
    broker = BrokenSession(refusals=1)
    broker.broken = False
    subscription = subscribed(broker)
    wait_for(lambda: broker.refusals < 0, "a second subscription", 10)
    subscription.stop()
    broker.close()
    assert "refuses" not in caplog.text
