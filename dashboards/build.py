"""Writes the dashboards, the data source and the alert rules as Grafana's provisioning files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.alert_rules import FOLDER, alerting_file
from dashboards.influxql import DATASOURCE_UID
from dashboards.pages import PAGES
from dashboards.texts import LANGUAGES, Language

ZONE = "Europe/Brussels"


def dashboard_json(page: str, language: Language, zone: str = ZONE) -> str:
    return str(JSONEncoder(sort_keys=True, indent=2).encode(PAGES[page](language, zone))) + "\n"


def documents(zone: str = ZONE) -> dict[str, str]:
    """Content of each file by path. Everything except dashboards goes into `.yaml` files, as Grafana requires; JSON is valid YAML."""
    found = {}
    for language in LANGUAGES:
        for page in PAGES:
            name = page.removesuffix("_page").replace("_", "-")
            found[f"{language}/{name}.json"] = dashboard_json(page, language, zone)
        found[f"provisioning-{language}/alerting/vrijloop.yaml"] = _written(alerting_file(language))
        found[f"provisioning-{language}/dashboards/vrijloop.yaml"] = _written(dashboard_provider())
        found[f"provisioning-{language}/datasources/vrijloop.yaml"] = _written(data_source())
    return found


def data_source() -> dict[str, Any]:
    """InfluxDB with InfluxQL; address, bucket and token come from Grafana's environment."""
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


def dashboard_provider() -> dict[str, Any]:
    """The folders in which Grafana finds the dashboards of both languages."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"vrijloop-{language}",
                "folder": FOLDER if language == "nl" else f"{FOLDER} ({language})",
                "type": "file",
                "disableDeletion": True,
                "options": {"path": f"/var/lib/grafana/dashboards/vrijloop/{language}"},
            }
            for language in LANGUAGES
        ],
    }


def write_dashboards(folder: Path, zone: str = ZONE) -> list[Path]:
    """Write all files into `folder`; returns their paths."""
    paths = []
    for name, text in documents(zone).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
