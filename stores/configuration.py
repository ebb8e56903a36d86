"""The `[store]` table of a configuration file; opens the store that it describes."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stores.duckdb_store import DuckDBStateStore
from stores.points import PointStore
from stores.state_store import StateStore
from telemetry import Clock, Duration, UserError
from telemetry.broker import read_secret_file

DUCKDB_FILE = "states.duckdb"
MIN_SECRET = 16
WRITER_MEMORY = "64MB"
"""Enough for DuckDB to merge 250,000 recent reports into a file of any size; memory beyond that would not be released."""


class StoreTable(BaseModel):
    """The `[store]` table. DuckDB needs no further options; InfluxDB needs `url` and `token_file`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["duckdb", "influxdb"] = "duckdb"
    memory: Annotated[str, Field(pattern=r"^[1-9]\d*(MB|GB)$")] = "1GB"
    keep: Annotated[Duration | None, Field(description="Older intervals are deleted; without it, nothing is.")] = None
    url: str | None = None
    bucket: str = "vrijloop"
    org: str = "vrijloop"
    token_file: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "influxdb" and (self.url is None or self.token_file is None):
            raise ValueError('kind = "influxdb" needs `url` and `token_file`')
        if self.keep is not None and self.keep < timedelta(weeks=10):
            raise ValueError("`keep` is shorter than ten weeks, which the forecast needs to learn from")
        return self


def read_secret(path: Path, what: str) -> str:
    """Read a secret of at least `MIN_SECRET` characters. Raises UserError if it cannot be read or is too short."""
    secret = read_secret_file(path, what)
    if len(secret) < MIN_SECRET:
        raise UserError(f"{path}: the {what} is shorter than {MIN_SECRET} characters; use a random one.")
    return secret


def open_store(
    table: StoreTable, data_dir: Path, clock: Clock, worker: str = "1", only_writes: bool = False
) -> StateStore:
    """Open the store. `only_writes`: the process makes no large queries, so DuckDB gets one thread and little memory.

    Raises UserError if it cannot be opened.
    """
    if table.kind == "duckdb":
        return DuckDBStateStore(
            data_dir / DUCKDB_FILE, WRITER_MEMORY if only_writes else table.memory, threads=1 if only_writes else None
        )
    from stores.influxdb_store import InfluxDBStateStore  # imported only when used: its client library takes 20 MB

    if table.url is None or table.token_file is None:
        raise UserError('[store] kind = "influxdb" needs `url` and `token_file`.')
    token = read_secret(table.token_file, "InfluxDB token")
    return InfluxDBStateStore(table.url, table.bucket, token, table.org, worker, clock)


def check_access(table: StoreTable) -> None:
    """Raises StoreUnavailableError unless an InfluxDB lets this token read and write its bucket, or UserError without a token."""
    if table.kind == "duckdb" or table.url is None or table.token_file is None:
        return
    from stores.influxdb_connection import InfluxConnection

    token = read_secret(table.token_file, "InfluxDB token")
    with closing(InfluxConnection(table.url, table.bucket, token, table.org)) as connection:
        connection.check()


def open_points(table: StoreTable) -> PointStore | None:
    """The store for dashboard points; None for DuckDB, which Grafana cannot query. Raises UserError."""
    if table.kind == "duckdb" or table.url is None or table.token_file is None:
        return None
    from stores.influxdb_points import InfluxPoints

    return InfluxPoints(table.url, table.bucket, read_secret(table.token_file, "InfluxDB token"), table.org)
