"""An InfluxQL query as a panel target. Grafana's SDK has no builder for InfluxDB, so this is the one class it lacks."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE_UID = "vrijloop-influxdb"

FACTORY = "factory =~ /^$factory$/"
MACHINES = f'{FACTORY} AND "group" =~ /^$group$/ AND machine =~ /^$machine$/'
"""Of the variables at the top of a dashboard."""


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
    """`query` in InfluxQL; `$timeFilter`, `$__interval` and the dashboard's variables are Grafana's to fill in. `alias` names the
    series, `$col` by the query's own names."""

    def __init__(self, query: str, alias: str = "$col", result_format: str = "time_series", ref_id: str = "A") -> None:
        self._target = InfluxQLTarget(ref_id, query, alias, result_format)

    def build(self) -> variants.Dataquery:
        return self._target
