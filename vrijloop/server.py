"""The embedded server: ingest, store and analytics in one process, as DuckDB allows one process to write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from analytics.api import build_app
from analytics.api_context import AnalyticsContext
from analytics.cycle import Analytics
from analytics.platform_client import HttpSharingPlatform
from analytics.policy import Policy
from analytics.publications import Publications
from analytics.service import AnalyticsService
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores import StateStore, StoreUnavailableError
from stores.configuration import StoreTable, open_store, read_secret
from telemetry import Clock, Duration, Name, ShiftedClock, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings
from vrijloop.http_server import listen_on, serve

QUARANTINE_FILE = "quarantine.sqlite"

_log = logging.getLogger(__name__)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    tokens: dict[Name, Path] = {}
    policy: Path
    ingest: bool = True
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


def _build(settings: ServerSettings, policy: Policy, clock: Clock) -> FastAPI:
    token = read_secret(settings.token_file, "server token")
    tokens = {policy.factory: token}
    tokens |= {factory: read_secret(path, f"token of {factory}") for factory, path in settings.tokens.items()}
    if len(set(tokens.values())) < len(tokens):
        raise UserError("two factories have the same token: one would see the other's machines.")
    store = open_store(settings.store, settings.data_dir, clock)
    quarantine = Quarantine(settings.data_dir / QUARANTINE_FILE)
    publications = Publications(settings.data_dir / "publications.sqlite")
    platform = HttpSharingPlatform(settings.platform.url, read_secret(settings.platform.token_file, "platform token"))
    analytics = Analytics(store, platform, publications, policy, clock)
    service = AnalyticsService(analytics, store, platform, policy, clock, settings.cycle)
    ingest = IngestService(settings.mqtt, store, quarantine, clock) if settings.ingest else None
    registry = CollectorRegistry()
    if ingest is not None:
        registry.register(ingest.collector())
        ingest.start()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(service.run()), asyncio.create_task(_forget_old(store, settings.store, clock))]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            # Ingest first: what it has in hand is stored and acknowledged before the store closes.
            if ingest is not None:
                await asyncio.to_thread(ingest.stop)
            for part in (platform, publications, quarantine, store):
                part.close()

    def status() -> dict[str, Any]:
        if ingest is None:
            return {"quarantined": quarantine.count()}
        return {
            "quarantined": quarantine.count(),
            "broker_connected": ingest.connected,
            "failing": ingest.counters.failing,
            "since_start": ingest.counters.as_dict(),
        }

    context = AnalyticsContext(
        store, service, policy, clock, tokens, status, lambda: generate_latest(registry).decode("utf-8")
    )
    return build_app(context, lifespan)


async def _forget_old(store: StateStore, table: StoreTable, clock: Clock) -> None:
    """Retention, once a day."""
    while table.keep is not None:
        try:
            await asyncio.to_thread(store.delete_before, clock.now() - table.keep)
        except StoreUnavailableError as error:
            _log.warning("What is older than `keep` could not be deleted: %s. Tried again tomorrow.", error)
        await clock.sleep(24 * 3600)
