"""Grafana's alert rules, in the form of its provisioning files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboards.influxql import DATASOURCE_UID, InfluxQL
from dashboards.texts import Language, text
from telemetry.measurements import CERTIFICATE, GATEWAY, PUBLISHER

GROUP = "vrijloop"
FOLDER = "Vrijloop"


@dataclass(frozen=True)
class AlertRule:
    """Fires when the last value of `query`, per series, has been `beyond` (`gt` or `lt`) `bound` for the duration `lasting`."""

    name: str
    query: str
    beyond: str
    bound: float
    lasting: str
    no_data: str = "OK"


RULES = (
    AlertRule(
        "alert_gateway",
        f"SELECT last(online) FROM {GATEWAY} WHERE time > now() - 20m GROUP BY factory, gateway",
        "lt", 1, "5m", "Alerting",
    ),
    AlertRule(
        "alert_gaps", f"SELECT spread(missing) FROM {GATEWAY} WHERE time > now() - 1d GROUP BY factory, gateway", "gt", 0, "10m"
    ),
    AlertRule(
        "alert_promises",
        f"SELECT last(broken) / last(checked) - last(broken_bound) FROM {PUBLISHER} WHERE time > now() - 20m GROUP BY factory",
        "gt", 0, "30m",
    ),
    AlertRule("alert_certificate", f"SELECT last(days_left) FROM {CERTIFICATE} WHERE time > now() - 1h GROUP BY factory, certificate", "lt", 30, "10m"),
    AlertRule("alert_gateway_certificate", f"SELECT last(certificate_days) FROM {GATEWAY} WHERE time > now() - 1h GROUP BY factory, gateway", "lt", 30, "10m"),
    AlertRule("alert_booking", f"SELECT last(alerts) FROM {PUBLISHER} WHERE time > now() - 20m GROUP BY factory", "gt", 0, "0s"),
    AlertRule("alert_approval", f"SELECT last(approvals) FROM {PUBLISHER} WHERE time > now() - 20m GROUP BY factory", "gt", 0, "1h"),
)  # fmt: skip


def alert_rules(language: Language) -> list[dict[str, Any]]:
    """The rules in the form of Grafana's provisioning API and files."""
    return [_rule(rule, language) for rule in RULES]


def alerting_file(language: Language) -> dict[str, Any]:
    group = {"orgId": 1, "name": GROUP, "folder": FOLDER, "interval": "1m", "rules": alert_rules(language)}
    return {"apiVersion": 1, "groups": [group]}


def _rule(rule: AlertRule, language: Language) -> dict[str, Any]:
    span = {"from": 86_400, "to": 0}
    condition = {"evaluator": {"type": rule.beyond, "params": [rule.bound]}}
    model = InfluxQL(rule.query, alias="", ref_id="A").build().to_json()  # type: ignore[attr-defined]
    return {
        "uid": f"vrijloop-{rule.name.replace('_', '-')}",
        "title": text(rule.name, language),
        "condition": "C",
        "for": rule.lasting,
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "annotations": {"summary": text(f"{rule.name}_do", language)},
        "labels": {"product": "vrijloop"},
        "data": [
            {"refId": "A", "datasourceUid": DATASOURCE_UID, "relativeTimeRange": span, "model": model},
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "model": {"refId": "B", "type": "reduce", "expression": "A", "reducer": "last"},
            },
            {
                "refId": "C",
                "datasourceUid": "__expr__",
                "model": {"refId": "C", "type": "threshold", "expression": "B", "conditions": [condition]},
            },
        ],
    }
