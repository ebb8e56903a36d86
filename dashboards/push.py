"""Creates or updates the dashboards in a running Grafana over its HTTP API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from dashboards.alert_rules import FOLDER, GROUP, alert_rules
from dashboards.build import ZONE, dashboard_json, data_source
from dashboards.influxql import DATASOURCE_UID
from dashboards.pages import PAGES
from dashboards.texts import Language
from telemetry import UnavailableError, UserError

FOLDER_UID = "vrijloop"
_TIMEOUT_S = 20.0
_EDITABLE = {"X-Disable-Provenance": "true"}
"""Keeps the pushed alert rules editable in Grafana."""


@dataclass(frozen=True)
class InfluxSource:
    """The InfluxDB that Grafana queries; the token should be read-only."""

    url: str
    bucket: str
    token: str


def push(
    url: str, token: str, language: Language, zone: str = ZONE, source: InfluxSource | None = None
) -> Iterator[str]:
    """Push everything and yield a description of each step. Without `source` the data source must exist. Raises UserError or UnavailableError."""
    with httpx2.Client(
        base_url=url.rstrip("/"), headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S
    ) as http:
        grafana = _Grafana(http, url)
        grafana.put_folder()
        yield f"folder {FOLDER!r}"
        if source is not None:
            grafana.put_data_source(source)
            yield "data source"
        elif grafana.ask("GET", f"/api/datasources/uid/{DATASOURCE_UID}", absent_is_fine=True) is None:
            raise UserError(
                "Grafana has no Vrijloop data source yet: use --influxdb-url and --influxdb-token-file to create it."
            )
        for page in PAGES:
            board = json.loads(dashboard_json(page, language, zone))
            grafana.ask("POST", "/api/dashboards/db", {"dashboard": board, "folderUid": FOLDER_UID, "overwrite": True})
            yield f"dashboard {board['title']!r}"
        rules = [{**rule, "folderUID": FOLDER_UID, "ruleGroup": GROUP} for rule in alert_rules(language)]
        path = f"/api/v1/provisioning/folder/{FOLDER_UID}/rule-groups/{GROUP}"
        group = {"title": GROUP, "folderUid": FOLDER_UID, "interval": 60, "rules": rules}
        grafana.ask("PUT", path, group, headers=_EDITABLE)
        yield f"{len(rules)} alert rules"


class _Grafana:
    def __init__(self, http: httpx2.Client, url: str) -> None:
        self._http = http
        self._url = url

    def put_folder(self) -> None:
        if self.ask("GET", f"/api/folders/{FOLDER_UID}", absent_is_fine=True) is None:
            self.ask("POST", "/api/folders", {"uid": FOLDER_UID, "title": FOLDER})

    def put_data_source(self, source: InfluxSource) -> None:
        wanted = {**data_source()["datasources"][0], "url": source.url}
        wanted["jsonData"] = {**wanted["jsonData"], "dbName": source.bucket}
        wanted["secureJsonData"] = {"httpHeaderValue1": f"Token {source.token}"}
        existing = self.ask("GET", f"/api/datasources/uid/{DATASOURCE_UID}", absent_is_fine=True)
        if existing is None:
            self.ask("POST", "/api/datasources", wanted)
        else:
            self.ask("PUT", f"/api/datasources/uid/{DATASOURCE_UID}", wanted)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        absent_is_fine: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The JSON of the answer; None if the resource does not exist and `absent_is_fine`."""
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise UnavailableError(f"Grafana at {self._url} does not answer ({type(error).__name__}).") from error
        if answer.status_code == 404 and absent_is_fine:
            return None
        if answer.status_code in (401, 403):
            raise UserError(
                f"Grafana at {self._url} does not allow this token to {method} {path}: it needs the role Admin "
                "(Administration, Service accounts)."
            )
        if not answer.is_success:
            raise UnavailableError(
                f"Grafana at {self._url}: {method} {path} was answered {answer.status_code}: {answer.text[:200]}"
            )
        return answer.json() if answer.content else {}
