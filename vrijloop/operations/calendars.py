"""Reads the calendars of a server's policy as the server does. Changes nothing."""

from __future__ import annotations

from contextlib import closing

import httpx2

from analytics.history.newest_states import machine_names
from analytics.policy.calendar_feeds import CalendarFeeds, FeedReport
from analytics.policy.policy import Policy
from stores import StoreUnavailableError
from stores.configuration import DUCKDB_FILE, open_store
from telemetry import Clock, SystemClock, UserError
from vrijloop.server_client import request
from vrijloop.server_settings import ServerSettings

_TIMEOUT_S = 5.0
_MOST_MACHINES = 1000


def look_at_calendars(settings: ServerSettings, policy: Policy, clock: Clock) -> tuple[FeedReport, ...]:
    """What the feeds of the policy say now."""
    feeds = CalendarFeeds(policy, settings.data_dir / "calendars")
    return feeds.look(clock.now(), _machines(settings, policy) if policy.feed else ()).feeds


def _machines(settings: ServerSettings, policy: Policy) -> list[str]:
    """Machines that have sent data: as the running server says, else as the store says. None where neither can be asked: the policy names some, too."""
    try:
        answer = request(settings, "GET", f"/api/v1/machines?limit={_MOST_MACHINES}", _TIMEOUT_S)
        return [one["machine"] for one in answer.json()["machines"]] if answer.is_success else []
    except UserError:
        return []
    except httpx2.HTTPError:
        pass  # the server does not run, so its store can be opened
    if settings.store.kind == "duckdb" and not (settings.data_dir / DUCKDB_FILE).exists():
        return []
    try:
        with closing(open_store(settings.store, settings.data_dir, SystemClock())) as store:
            return list(machine_names(store, policy.factory))
    except (UserError, StoreUnavailableError):
        return []
