"""Keeps the points that dashboards read up to date. Reads the store and the publisher's state, and writes points."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.cycle import CycleResult
from analytics.history.newest_states import machine_names
from analytics.history.snapshot import HISTORY, PORTION
from analytics.history.timeline import timeline
from analytics.policy.policy import Policy
from analytics.publishing.live_state import current_state
from analytics.publishing.publications import Publications
from analytics.publishing.state import PublisherState
from analytics.summaries.health import publisher_point
from analytics.summaries.hours import CONTEXT, hour_points, power_points, timeline_points
from analytics.summaries.plans import PLANNED, approval_points, capacity_points, plan_points, promise_points
from analytics.summaries.subjects import tags_of
from stores import Point, PointStore, StateStore, StoreRefusedError
from stores.report_batch import to_epoch_milliseconds
from telemetry import Clock
from telemetry.measurements import APPROVAL, CAPACITY, COMPUTED, DAY, HOUR, HOURS_FIELDS, NOW, TIMELINE, WEEK

_log = logging.getLogger(__name__)

DETAILED = timedelta(weeks=8)
"""How far back timelines and hours are written at first. Days and shifts are written for the whole history."""
_LAYOUT = 1
"""Changing this number causes everything to be written anew."""
_DAY = timedelta(days=1)
_HEARD_EVERY = timedelta(minutes=1)
_USUAL_DAYS = 30
"""For this many days, `PORTION` machines are processed together; for more days, fewer machines."""

Newest = tuple[Any, Any]
"""(since, state, mode) of the newest interval of a machine, and its `until`."""


class SummaryWriter:
    """Every method raises what the stores raise, and the next call catches up. Not thread-safe."""

    def __init__(
        self,
        store: StateStore,
        points: PointStore,
        state: PublisherState,
        publications: Publications,
        policy: Policy,
        clock: Clock,
        others: Callable[[], Sequence[Point]] = tuple,
    ) -> None:
        """`others`: returns points of other parts of the server, called once a minute."""
        self._store = store
        self._points = points
        self._state = state
        self._publications = publications
        self._policy = policy
        self._clock = clock
        self._others = others
        self._shown: dict[str, tuple[object, ...]] = {}
        self._heard_at: datetime | None = None
        self._newest: dict[str, Newest] = {}

    def use_policy(self, policy: Policy) -> None:
        """Write points by another policy from now on."""
        self._policy = policy

    def write_states(self) -> None:
        """Write `NOW` points of machines whose state changed, and of all machines once a minute."""
        now = self._clock.now()
        latest = self._store.latest(self._policy.factory)
        every = self._heard_at is None or now - self._heard_at >= _HEARD_EVERY
        points: list[Point] = []
        shown: dict[str, tuple[object, ...]] = {}
        for newest in latest:
            state, since, silent = current_state(newest, now, self._policy)
            look = (state, since, silent)
            shown[newest.machine] = look
            if every or self._shown.get(newest.machine) != look:
                fields = {
                    "state": state.value,
                    "since_ms": to_epoch_milliseconds(since),
                    "heard_ms": to_epoch_milliseconds(newest.interval.until),
                    "silent": int(silent),
                }
                midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                points.append(Point(NOW, tags_of(newest.machine, self._policy), midnight, fields))
        self._points.write_points(points)
        self._shown = shown
        if every:
            self._heard_at = now

    def write_hours(self) -> None:
        """Write timelines, hours, shifts and days that have changed since the last call, and those of today."""
        now = self._clock.now()
        cursor = self._store.cursor()
        machines = machine_names(self._store, self._policy.factory)
        noted, newest = self._state.note("summaries"), dict[str, Newest]()
        today = now.astimezone(ZoneInfo(self._policy.zone)).date()
        if noted is None or noted["rules"] != self._rules():
            if noted is not None:
                # If this fails half-way, what is written is by no rules, not even by those before, should they return.
                self._state.set_note("summaries", noted | {"rules": None})
                self._leave_other_rules(machines)
            self._state.set_note("promises", None)
            self._shown = {}
            earliest = self._store.earliest(self._policy.factory)
            begin = max(now - HISTORY, earliest) if earliest is not None else now
            firsts = dict.fromkeys(machines, begin.astimezone(ZoneInfo(self._policy.zone)).date())
        else:
            changed, cursor = self._store.changed_since(self._policy.factory, noted["cursor"])
            written = date.fromisoformat(noted["day"])
            # Machines without new intervals are included: their silence continues, and yesterday has ended.
            firsts = {name: min(today, written) for name in machines}
            changes, newest = self._changes(changed)
            for name, since in changes.items():
                day = since.astimezone(ZoneInfo(self._policy.zone)).date()
                firsts[name] = min(day, firsts.get(name, today))
        for first, some in _together(firsts, today):
            self._write_hours_of(some, first, now)
        if firsts:
            self._write_weeks(min(firsts.values()) - _DAY, today)
        self._state.set_note("summaries", {"rules": self._rules(), "cursor": cursor, "day": today.isoformat()})
        # Only now, after everything is written: if a store fails before, the next call must write it again.
        self._newest |= newest

    def _leave_other_rules(self, machines: Sequence[str]) -> None:
        """Remove points written for other groups or shifts, which would be counted twice."""
        factory = self._policy.factory
        try:
            for machine in machines:
                self._points.move(CAPACITY, factory, machine, tags_of(machine, self._policy)["group"])
            self._points.forget(COMPUTED, factory)
        except StoreRefusedError as error:
            _log.warning(
                "The store cannot delete points, so dashboards still show groups and shifts that no longer exist. %s",
                error,
            )

    def _changes(self, changed: pd.DataFrame) -> tuple[dict[str, datetime], dict[str, Newest]]:
        """From when on each machine has changed since the last call, and its newest interval. A later `until` of the
        same interval changes nothing before the earlier `until`."""
        changed_since, newest_by_machine = {}, {}
        for name, own in changed.groupby("machine", observed=True):
            machine, newest = str(name), own.iloc[-1]
            look = (newest["since"], str(newest["state"]), str(newest["mode"]))
            known, until = self._newest.get(machine, (None, None))
            longer = len(own) == 1 and look == known and until is not None and newest["until"] >= until
            changed_since[machine] = (until if longer else own["since"].min()).to_pydatetime()
            newest_by_machine[machine] = (look, newest["until"])
        return changed_since, newest_by_machine

    def write_round(self, result: CycleResult) -> None:
        """Write the plans of a round, the sums of the days around it, outcomes of promises, and approvals."""
        policy, now = self._policy, result.at
        machines = machine_names(self._store, policy.factory)
        self._points.write_points(plan_points(result, policy, machines))
        zone = ZoneInfo(policy.zone)
        today = now.astimezone(zone).date()
        for offset in range(-1, policy.horizon // _DAY + 2):
            day = today + offset * _DAY
            start, end = self._midnight(day), self._midnight(day + _DAY)
            sums = self._points.sums(HOUR, policy.factory, PLANNED, start, end)
            self._points.write_points(capacity_points(sums, policy, start))
        noted = self._state.note("promises")
        back = timedelta(days=30) if noted == self._rules() else HISTORY
        since = self._midnight((now - back).astimezone(zone).date())
        self._points.write_points(promise_points(self._publications.settled(since), policy, machines))
        self._state.set_note("promises", self._rules())
        approvals = self._state.approvals()
        asked = {approval.machine for approval in approvals}
        asking = [name for name in machines if name in asked or policy.for_machine(name).approval == "ask"]
        until = now + policy.horizon + 2 * _DAY
        stand = self._points.point_times(APPROVAL, policy.factory, asking, now - _DAY, until)
        self._points.write_points(approval_points(approvals, stand, policy))

    def write_minute(self, result: CycleResult | None) -> None:
        """Write what is due once a minute: hours, and the health of publisher and ingest."""
        self.write_hours()
        health = publisher_point(self._state, result, self._policy, self._clock.now())
        self._points.write_points([health, *self._others()])

    def close(self) -> None:
        self._points.close()

    def _write_hours_of(self, machines: Sequence[str], first: date, now: datetime) -> None:
        policy = self._policy
        start = self._midnight(first - CONTEXT * _DAY)
        reported = self._store.intervals(policy.factory, start, now, machines, power=True)
        if reported.empty:
            return
        spells = timeline(reported, start, now)
        detailed = max(self._midnight(first), now - DETAILED)
        self._points.write_points(hour_points(spells, policy, first, now, detailed))
        measured = reported[reported["since"] >= max(start, detailed)]
        self._points.write_points(power_points(measured, policy))
        stand = self._points.point_times(TIMELINE, policy.factory, machines, detailed, now)
        self._points.write_points(timeline_points(spells, policy, detailed, stand))

    def _write_weeks(self, first: date, last: date) -> None:
        policy = self._policy
        monday = first - first.weekday() * _DAY
        while monday <= last:
            start, end = self._midnight(monday), self._midnight(monday + 7 * _DAY)
            sums = self._points.sums(DAY, policy.factory, HOURS_FIELDS, start, end)
            self._points.write_points([Point(WEEK, tags_of(name, policy), start, own) for name, own in sums.items()])
            monday += 7 * _DAY

    def _midnight(self, day: date) -> datetime:
        """The beginning of a local day, in UTC."""
        return datetime.combine(day, time(0), ZoneInfo(self._policy.zone)).astimezone(UTC)

    def _rules(self) -> str:
        """Digest of the rules that points depend on. When it changes, they are written anew."""
        policy = self._policy
        groups = {name: policy.group_of(name) for name in policy.machine}
        rules = [
            _LAYOUT, policy.factory, policy.zone, str(policy.changeover_gap), groups,
            [shift.model_dump(mode="json") for shift in policy.shifts],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def _together(firsts: dict[str, date], today: date) -> list[tuple[date, list[str]]]:
    """Machines whose points begin on the same day, in portions that are smaller the longer the range, to bound
    memory."""
    days: dict[date, list[str]] = {}
    for name, first in sorted(firsts.items()):
        days.setdefault(first, []).append(name)
    found = []
    for first, names in sorted(days.items()):
        size = max(1, PORTION * _USUAL_DAYS // max(_USUAL_DAYS, (today - first).days))
        found += [(first, names[place : place + size]) for place in range(0, len(names), size)]
    return found
