"""Configuration of `vrijloop server`, read from TOML."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from analytics.api.provider_settings import IdentityProviderTable
from analytics.capacity.settings import CatenaXTable
from sign_in.settings import SecretError, read_client_secret
from stores.configuration import StoreTable
from telemetry import Clock, Duration, Name, UserError
from telemetry.broker import BrokerSettings

if TYPE_CHECKING:
    from analytics.api.identity_provider import FactoryProvider

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


def _public(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(
            "write the address at which people open the control room, such as https://control.hal2.example"
        )
    if parts.path not in ("", "/", "/control") or parts.query or parts.fragment:
        raise ValueError("write scheme, host and port alone: the control room stands at /control")
    return f"{parts.scheme}://{parts.netloc}"


def _public_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Of all together, so that an error does not show what was pasted: it may be a private one."""
    if not all(key.startswith("age1") for key in keys):
        raise ValueError("write public keys, which begin with age1: `vrijloop backup-key FILE` makes one")
    return keys


class ServerSettings(_Table):
    """Configuration of `vrijloop server`. `url`: where people open the control room; `notice`: what they read there before they sign in; `lock_after`: so long without use, they have to sign in again. `backup_recipients`: public keys of age for
    which backups are encrypted."""

    data_dir: Path = Path("vrijloop-server")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8341
    url: Annotated[str | None, AfterValidator(lambda url: _public(url) if url is not None else None)] = None
    notice: Annotated[str, Field(max_length=1000)] = ""
    lock_after: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(hours=12))] = timedelta(hours=1)
    backup_recipients: Annotated[tuple[str, ...], Field(max_length=20), AfterValidator(_public_keys)] = ()
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
    identity_provider: IdentityProviderTable | None = None
    catena_x: CatenaXTable | None = None

    @property
    def public_url(self) -> str:
        """Where people open the control room; on this machine itself where nobody says."""
        return self.url or f"http://127.0.0.1:{self.port}"

    @model_validator(mode="after")
    def _there_and_back(self) -> Self:
        if self.identity_provider is not None and self.url is None:
            raise ValueError("[identity_provider] needs `url`: the provider sends people back to it")
        return self


def open_provider(settings: ServerSettings, clock: Clock) -> FactoryProvider | None:
    """Where people sign in with the account they have at work; None without `[identity_provider]`. Raises UserError."""
    table = settings.identity_provider
    if table is None:
        return None
    from analytics.api.identity_provider import FactoryProvider  # most commands read the settings and need none

    try:
        return FactoryProvider(table, read_client_secret(table.client_secret_file), settings.public_url, clock.now)
    except SecretError as error:
        raise UserError(f"[identity_provider]: {error}") from error
