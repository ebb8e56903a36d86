"""Writes the dashboards and the data source as the files that Grafana's provisioning reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.factory_now import factory_now
from dashboards.influxql import DATASOURCE_UID


def documents() -> dict[str, str]:
    """File name to content. JSON is YAML, and Grafana looks for data sources in files that end in `.yaml`."""
    return {
        "factory-now.json": JSONEncoder(sort_keys=True, indent=2).encode(factory_now()) + "\n",
        "datasource.yaml": json.dumps(data_source(), indent=2) + "\n",
    }


def data_source() -> dict[str, Any]:
    """InfluxDB by InfluxQL; address, bucket and token come from Grafana's own environment."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Vrijloop InfluxDB",
                "uid": DATASOURCE_UID,
                "type": "influxdb",
                "access": "proxy",
                "url": "$INFLUXDB_URL",
                "jsonData": {"dbName": "$INFLUXDB_BUCKET", "httpMode": "GET", "httpHeaderName1": "Authorization"},
                "secureJsonData": {"httpHeaderValue1": "Token $INFLUXDB_TOKEN"},
            }
        ],
    }


def write_dashboards(folder: Path) -> list[Path]:
    """Write all; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in documents().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
