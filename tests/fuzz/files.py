"""What a factory's people and their programs write: configurations, device templates, calendars, tables of orders, backups."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.policy.calendar_events import read_calendar
from analytics.policy.feed_sources import FeedError, _multistatus
from analytics.policy.machine_names import MachineNames
from analytics.policy.planned_orders import read_orders
from analytics.policy.planned_work import Plan, PlanError
from analytics.policy.policy import CalendarFeed, Policy
from edge_agent.configuration import AgentSettings
from edge_agent.device_templates import _own_template
from sharing_platform.bounds import Bounds
from sharing_platform.identity_providers import ProvidersFile
from stores import GatewayLedger
from stores.transfer import import_records
from telemetry import SettingsError, UserError, load_settings
from tests.fuzz.target import Parts, target
from vrijloop.ingest_worker import WorkerSettings
from vrijloop.operations.backup import restore
from vrijloop.server_settings import ServerSettings

ZONE = "Europe/Brussels"
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
MODELS: Sequence[type[object]] = (AgentSettings, ServerSettings, Policy, WorkerSettings, Bounds, ProvidersFile)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="vrijloop-fuzz-"))


def _file(name: str, content: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(content)
    return path


@target(SettingsError)
def settings_file(data: bytes) -> None:
    """A configuration of one of the programs, which the first byte chooses. Raises SettingsError."""
    parts = Parts(data)
    model = parts.pick(MODELS)
    load_settings(_file("settings.toml", parts.rest()), model)


@target(UserError)
def device_template(data: bytes) -> None:
    """A device template of one's own. Raises UserError."""
    _own_template.cache_clear()
    template = _own_template(str(_file("own.yaml", data)))
    for register in template.values.values():
        register.decode([0xFFFF] * register.size)


_POLICY = Policy.model_validate(
    {"machine": {"frees-1": {"aliases": ["De grote Hermle", "Fräse"]}, "draaibank-1": {"title": "CNC-draaibank"}}}
)
_NAMES = MachineNames(_POLICY, ["frees-1", "boor-1"])
_FEEDS = [
    CalendarFeed.model_validate({"source": "orders.ics", "unclear": "block"}),
    CalendarFeed.model_validate({"source": "orders.ics", "machine": "frees-1", "ignore_free": True}),
    CalendarFeed.model_validate({"source": "orders.csv", "kind": "csv", "unclear": "block"}),
    CalendarFeed.model_validate({"source": "orders.json", "kind": "json"}),
]


def _plan(feed: CalendarFeed) -> Plan:
    return Plan(feed, _NAMES, MONDAY - timedelta(days=1), MONDAY + timedelta(days=8))


@target(PlanError, most_s=4)
def calendar(data: bytes) -> None:
    """An iCalendar file; to expand what repeats may take some seconds. Raises PlanError."""
    parts = Parts(data)
    plan = _plan(parts.pick(_FEEDS[:2]))
    read_calendar(parts.rest(), plan, ZONE)
    assert all(one.start < one.end for one in plan.periods)


@target(PlanError)
def orders(data: bytes) -> None:
    """A table of orders, CSV or JSON. Raises PlanError."""
    parts = Parts(data)
    plan = _plan(parts.pick(_FEEDS[2:]))
    read_orders(parts.rest(), plan, ZONE)
    assert all(one.start < one.end for one in plan.periods)


@target(FeedError)
def caldav_answer(data: bytes) -> None:
    """What a CalDAV server answers. Raises FeedError."""
    _multistatus(data).findall("{DAV:}response")


class _Nowhere:
    """A store that takes everything and keeps nothing."""

    def restore(self, records: pd.DataFrame) -> int:
        return 0

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        pass


_NOWHERE: Any = _Nowhere()


@target(UserError)
def backup(data: bytes) -> None:
    """A backup that is restored. Raises UserError."""
    for _ in restore(_file("backup.tar", data), _NOWHERE, _folder() / "data", None, over=True):
        pass


@target(UserError)
def exported_records(data: bytes) -> None:
    """An export that is imported, Parquet or CSV. Raises UserError."""
    parts = Parts(data)
    name = parts.pick(("records.parquet", "records.csv"))
    import_records(_NOWHERE, _file(name, parts.rest()), lambda *_: None)
