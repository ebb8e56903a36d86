"""Configuration of `vrijloop server`, read from TOML."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stores.configuration import StoreTable
from telemetry import Duration, Name
from telemetry.broker import BrokerSettings

QUARANTINE_FILE = "quarantine.sqlite"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlatformTable(_Table):
    """The sharing platform. With `webhook_secret_file` it may notify the server of changed bookings."""

    url: str
    token_file: Path
    webhook_secret_file: Path | None = None


class AlertTable(_Table):
    """Where alerts are posted, signed by Standard Webhooks. The URL is in a file because it often contains a secret."""

    url_file: Path
    secret_file: Path


class ForecastTable(_Table):
    """Where forecasts are computed: `processes` beside the server, or the Dask cluster of `scheduler`."""

    processes: Annotated[int, Field(ge=1, le=256)] = 1
    scheduler: Annotated[str | None, Field(pattern=r"^(tcp|tls)://[^\s]+$")] = None


class ServerSettings(_Table):
    """Configuration of `vrijloop server`."""

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
    platform: PlatformTable | None = None
    alerts: AlertTable | None = None
    forecast: ForecastTable = ForecastTable()
