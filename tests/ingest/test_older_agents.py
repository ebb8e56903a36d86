"""Agents that are not updated for years keep working: every message that was ever sent as version 1 is accepted. The files in `wire` are never
changed; a new form is added as a new file."""

from __future__ import annotations

import json
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import pytest

from ingest.quarantine import Quarantine
from ingest.service import IngestService
from ingest.validation import accept
from stores.duckdb_store import DuckDBStateStore
from telemetry import SystemClock
from telemetry.broker import BrokerSettings
from tests.servers import Mosquitto, wait_for

WIRE = sorted((Path(__file__).parent / "wire").glob("*.json"))
CLOCK = SystemClock()


def test_the_recorded_messages_exist() -> None:
    assert len(WIRE) >= 3


@pytest.mark.parametrize("path", WIRE, ids=lambda path: path.stem)
def test_every_form_of_version_1_is_accepted(path: Path) -> None:
    message = accept("vrijloop/v1/genk/m1/state", path.read_bytes(), CLOCK.now())
    sent = json.loads(path.read_text())
    assert [one.seq for one in message.reports] == [one["seq"] for one in sent["reports"]]
    assert [one.state.value for one in message.reports] == [one["state"] for one in sent["reports"]]


def test_an_older_agent_and_a_newer_one_beside_it(broker: Mosquitto, tmp_path: Path) -> None:
    """Without the health topic, without fields that were added later, with unknown fields; and a message of version 2 is quarantined with a
    reason."""
    store, quarantine = DuckDBStateStore(tmp_path / "s.duckdb"), Quarantine(tmp_path / "q.sqlite")
    service = IngestService(BrokerSettings(url=broker.url), store, quarantine, CLOCK)
    service.start()
    topic = "vrijloop/v1/genk/m1/state"
    second = b'{"v": 2, "gateway": "gw-hal-2", "reports": []}'
    mqtt_publish.multiple(
        [(topic, one, 1, False) for one in [*(path.read_bytes() for path in WIRE), second]], port=broker.port
    )
    wait_for(lambda: service.counters.messages == len(WIRE) + 1, "all of them to be settled")
    service.stop()
    ledger = store.ledger()[0]
    assert (ledger.gateway, ledger.missing) == ("gw-hal-2", 0)
    assert ledger.stored >= 4
    assert service.counters.unknown_fields == 2
    kept = quarantine.messages()
    assert [one.payload for one in kept] == [second]
    assert "v:" in kept[0].reason
    quarantine.close()
    store.close()
