"""Where state intervals are kept: the `StateStore` protocol, embedded DuckDB, and InfluxDB for production."""

from stores.sequences import SequenceRanges
from stores.state_store import GatewayLedger, LatestState, StateStore, StoredReport, StoreUnavailableError

__all__ = ["GatewayLedger", "LatestState", "SequenceRanges", "StateStore", "StoreUnavailableError", "StoredReport"]
