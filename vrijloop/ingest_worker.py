"""An ingest worker as a separate process. Several workers share one subscription and write to one InfluxDB bucket."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from prometheus_client import CollectorRegistry, start_http_server
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingest.health import IngestHealth
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores.configuration import StoreTable, open_points, open_store
from telemetry import Name, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings
from telemetry.logs import log_to_stderr

_log = logging.getLogger(__name__)


class WorkerSettings(BaseModel):
    """Configuration of `vrijloop ingest run`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Path("vrijloop-ingest")
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    mqtt: BrokerSettings = BrokerSettings()
    store: StoreTable = StoreTable()


def run_worker(config: Path, name: str, retire: bool) -> None:
    """Run until SIGTERM or SIGINT; with `retire`, until the broker has no messages left for this worker. Raises
    UserError."""
    log_to_stderr()
    settings = load_settings(config, WorkerSettings)
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UserError(f"{name!r} is not a valid worker name: use small letters, digits, `-` and `_`.") from None
    clock = SystemClock()
    with ExitStack() as parts:
        # Closed on errors, too: an open DuckDB file would write its own complaint below the sentence that says what is wrong.
        store = open_store(settings.store, settings.data_dir, clock, name, only_writes=True)
        parts.callback(store.close)
        quarantine = Quarantine(settings.data_dir / f"quarantine-{name}.sqlite")
        parts.callback(quarantine.close)
        service = IngestService(settings.mqtt, store, quarantine, clock, name, shared=True)
        _serve_metrics(settings, service)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        service.start()
        health, points = IngestHealth(service, quarantine, name, clock), open_points(settings.store)
        if points is not None:
            parts.callback(points.close)
            health.start(points)
        parts.callback(health.stop)
        _log.info("Ingest worker %s is subscribed to %s.", name, settings.mqtt.address)
        if not retire:
            stop.wait()
            service.stop()
        elif not service.retire():
            raise UserError(
                f"worker {name} could not process all its messages; its session is kept and nothing is lost. Try again."
            )


def _serve_metrics(settings: WorkerSettings, service: IngestService) -> None:
    if settings.metrics_port is None:
        return
    registry = CollectorRegistry()
    registry.register(service.collector())
    registry.register(service.tasks)
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise UserError(
            f"{settings.metrics_host}:{settings.metrics_port} cannot be used for metrics ({error.strerror})."
        ) from error
