"""An InfluxQL query as a panel target. Grafana's SDK has no builder for InfluxDB, so this is the one class it lacks."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE_UID = "vrijloop-influxdb"
MEASUREMENT = "machine_state"


class InfluxQLTarget(variants.Dataquery):
    """What Grafana's InfluxDB data source stores per query."""

    def __init__(self, ref_id: str, query: str, alias: str, result_format: str) -> None:
        self.ref_id = ref_id
        self.query = query
        self.alias = alias
        self.result_format = result_format

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": self.ref_id,
            "datasource": {"type": "influxdb", "uid": DATASOURCE_UID},
            "rawQuery": True,
            "query": self.query,
            "alias": self.alias,
            "resultFormat": self.result_format,
        }


class InfluxQL(Builder[variants.Dataquery]):
    """`query` in InfluxQL; `$timeFilter` and `$factory` are Grafana's to fill in."""

    def __init__(self, query: str, alias: str = "$tag_machine", result_format: str = "time_series") -> None:
        self._target = InfluxQLTarget("A", query, alias, result_format)

    def build(self) -> variants.Dataquery:
        return self._target
