"""Stores of state intervals: the `StateStore` protocol and its implementations, embedded DuckDB and InfluxDB for production."""

from stores.points import Point, PointStore
from stores.report_batch import ReportBatch, ReportBatchBuilder, StoredReport
from stores.sequences import SequenceRanges
from stores.state_store import (
    GatewayLedger,
    LatestState,
    StateStore,
    StoreRefusedError,
    StoreShutError,
    StoreUnavailableError,
)

__all__ = [
    "GatewayLedger",
    "LatestState",
    "Point",
    "PointStore",
    "ReportBatch",
    "ReportBatchBuilder",
    "SequenceRanges",
    "StateStore",
    "StoreRefusedError",
    "StoreShutError",
    "StoreUnavailableError",
    "StoredReport",
]
