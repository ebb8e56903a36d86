"""An InfluxQL query as the target of a panel; Grafana's SDK has no builder for InfluxDB."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE_UID = "vrijloop-influxdb"

FACTORY = "factory =~ /^$factory$/"
MACHINES = f'{FACTORY} AND "group" =~ /^$group$/ AND machine =~ /^$machine$/'
"""Condition with the variables at the top of a dashboard."""


class InfluxQLTarget(variants.Dataquery):
    """The fields that Grafana's InfluxDB data source stores for a query."""

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
    """Builds a target. `query` is InfluxQL in which Grafana replaces `$timeFilter`, `$__interval` and the dashboard's variables.

    `alias` names the series; `$col` stands for the column names of the query.
    """

    def __init__(self, query: str, alias: str = "$col", result_format: str = "time_series", ref_id: str = "A") -> None:
        self._target = InfluxQLTarget(ref_id, query, alias, result_format)

    def build(self) -> variants.Dataquery:
        return self._target
