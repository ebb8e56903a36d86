"""The embedded server: ingest, store and analytics in one process, as DuckDB allows one process to write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from analytics.api import AnalyticsContext, router
from analytics.cycle import Analytics
from analytics.platform_client import HttpSharingPlatform
from analytics.policy import Policy
from analytics.publications import Publications
from analytics.service import AnalyticsService
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores import StateStore
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from telemetry import Clock, Duration, ShiftedClock, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings, read_secret_file
from vrijloop.http_server import listen_on, serve

QUARANTINE_FILE = "quarantine.sqlite"

_log = logging.getLogger(__name__)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreTable(_Table):
    """Where states are kept. DuckDB needs nothing else; InfluxDB needs `url`, `bucket` and `token_file`."""

    kind: Literal["duckdb", "influxdb"] = "duckdb"
    url: str | None = None
    bucket: str = "vrijloop"
    org: str = "vrijloop"
    token_file: Path | None = None


class PlatformTable(_Table):
    """The sharing platform that offers go to."""

    url: str
    token_file: Path


class ServerSettings(_Table):
    """`vrijloop server --config`."""

    data_dir: Path = Path("vrijloop-server")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8341
    token_file: Path
    policy: Path
    cycle: Duration = timedelta(hours=1)
    mqtt: BrokerSettings = BrokerSettings()
    store: StoreTable = StoreTable()
    platform: PlatformTable


def run_server(config: Path, as_of: datetime | None = None) -> None:
    """Serve until told to stop. `as_of`: the present of a recording, instead of today. Raises UserError."""
    settings = load_settings(config, ServerSettings)
    policy = load_settings(settings.policy, Policy)
    clock = ShiftedClock(as_of) if as_of is not None else SystemClock()
    # The address first: a second server must not open the first one's store.
    listener = listen_on(settings.host, settings.port)
    serve(_build(settings, policy, clock), listener)


def read_secret(path: Path, what: str) -> str:
    """A secret that is long enough to be one. Raises UserError."""
    secret = read_secret_file(path, what)
    if len(secret) < 16:
        raise UserError(f"{path}: the {what} is shorter than 16 characters; use a random one.")
    return secret


def _build(settings: ServerSettings, policy: Policy, clock: Clock) -> FastAPI:
    store = _open_store(settings)
    quarantine = Quarantine(settings.data_dir / QUARANTINE_FILE)
    publications = Publications(settings.data_dir / "publications.sqlite")
    platform = HttpSharingPlatform(settings.platform.url, read_secret(settings.platform.token_file, "platform token"))
    analytics = Analytics(store, platform, publications, policy, clock)
    service = AnalyticsService(analytics, store, platform, policy, clock, settings.cycle)
    ingest = IngestService(settings.mqtt, store, quarantine, clock)
    ingest.start()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(service.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            # Ingest first: what it has in hand is stored and acknowledged before the store closes.
            await asyncio.to_thread(ingest.stop)
            for part in (platform, publications, quarantine, store):
                part.close()

    def status() -> dict[str, Any]:
        return {
            "quarantined": quarantine.count(),
            "broker_connected": ingest.connected,
            "since_start": ingest.counters.as_dict(),
        }

    app = FastAPI(title="Vrijloop server", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    token = read_secret(settings.token_file, "server token")
    app.state.analytics = AnalyticsContext(store, service, policy, clock, token, status)
    app.include_router(router)
    return app


def _open_store(settings: ServerSettings) -> StateStore:
    table = settings.store
    if table.kind == "duckdb":
        return DuckDBStateStore(settings.data_dir / "states.duckdb")
    if table.url is None or table.token_file is None:
        raise UserError('[store] kind = "influxdb" needs `url` and `token_file`.')
    return InfluxDBStateStore(table.url, table.bucket, read_secret(table.token_file, "InfluxDB token"), table.org)
