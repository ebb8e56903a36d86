"""The dashboards. They query the measurements computed by analytics, so that a query costs about the same for a day as for a year."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import FACTORY, MACHINES
from dashboards.panels import Board
from dashboards.texts import Language
from telemetry.measurements import (
    APPROVAL,
    CAPACITY,
    CLOCK,
    DAY,
    GATEWAY,
    HOUR,
    INGEST,
    NOW,
    PROMISES,
    PUBLISHER,
    RELIABILITY,
    SHIFT,
    TIMELINE,
    WEEK,
)

_WHAT = {
    "production": "apt_h", "set_up": "aust_h", "delay": "adet_h", "down": "adot_h", "maintenance": "maintenance_h",
    "idle": "idle_h", "off": "off_h", "unknown": "unknown_h",
}  # fmt: skip
_LOSSES = ", ".join(f"sum({field}) AS {name}" for name, field in _WHAT.items())
_CLOCK = ", ".join(f'sum(free_{hour:02}) AS "{hour:02}"' for hour in range(24))
_ALL = ("factory", "group", "machine", "shift")
_EACH = "GROUP BY time(1h) fill(none)"
"""The point of a day or week is at its local midnight and becomes one row. InfluxQL's own weeks (`time(1w)` with `tz()`) are wrong when the clocks
change."""
_ONE_MACHINE = f"{FACTORY} AND machine =~ /^$machine$/"


def factory_now(language: Language, zone: str) -> models.Dashboard:
    board = Board("factory_now", language, zone, ("now/d", "now"), _ALL[:3], refresh="5s")
    board.number(
        "producing",
        f"SELECT count(silent) AS producing FROM {NOW} WHERE {MACHINES} AND state = 'executing' AND time > now() - 1d",
        "none",
    )
    board.table(
        "silent",
        f"SELECT state, heard_ms FROM {NOW} WHERE {MACHINES} AND silent = 1 AND time > now() - 1d GROUP BY machine",
        "all_heard",
        18,
        4,
    )
    board.timeline("today", f"SELECT state FROM {TIMELINE} WHERE {MACHINES} AND $timeFilter GROUP BY machine", 12)
    board.table(
        "now",
        f'SELECT last(state) AS state, since_ms, heard_ms FROM {NOW} WHERE {MACHINES} AND time > now() - 2d GROUP BY "group", machine',
        height=10,
    )
    used = (
        "SELECT sum(apt_h) / sum(calendar_h) AS {} FROM "
        + DAY
        + " WHERE "
        + MACHINES
        + " AND time > now() - {} AND time <= now() - {} GROUP BY machine"
    )
    board.bars(
        "used_against",
        [used.format("today", "1d", "0d"), used.format("four_weeks", "29d", "1d")],
        "percentunit",
        "machine",
        height=10,
    )
    return board.build()


def where_hours_go(language: Language, zone: str) -> models.Dashboard:
    board = Board("where_hours_go", language, zone, ("now-28d/d", "now"), _ALL, refresh="5m")
    of_shift = f"FROM {SHIFT} WHERE {MACHINES} AND shift =~ /^$shift$/ AND $timeFilter"
    of_day, of_week, of_clock = (
        f"FROM {measurement} WHERE {MACHINES} AND $timeFilter" for measurement in (DAY, WEEK, CLOCK)
    )
    board.bars("losses", [f"SELECT {_LOSSES} {of_shift}"], "h", None, width=8)
    board.series(
        "losses_week",
        {"$col": f"SELECT {_LOSSES} {of_week} {_EACH}"},
        "h",
        bars=True,
        stacked=True,
        width=16,
    )
    board.bars("losses_shift", [f"SELECT {_LOSSES} {of_shift} GROUP BY shift"], "h", "shift", stacked=True)
    board.bars("losses_machine", [f"SELECT {_LOSSES} {of_shift} GROUP BY machine"], "h", "machine", stacked=True)
    board.table("free_heat", f"SELECT {_CLOCK} {of_clock} GROUP BY weekday", width=24, height=9, heat="^[0-9]+$")
    shares = "sum(apt_h) / sum(calendar_h) AS calendar_use, sum(apt_h) / sum(aubt_h) AS efficiency, sum(known_h) / sum(calendar_h) AS coverage"
    board.table(
        "groups", f'SELECT {shares} {of_day} GROUP BY "group"', shares=("calendar_use", "efficiency", "coverage")
    )
    board.table(
        "unused",
        f"SELECT last(apt_h) AS hours FROM {DAY} WHERE {MACHINES} AND apt_h > 0.01 AND time > now() - 53w GROUP BY machine",
        units={"hours": "h"},
        show_time="day",
        sort="day",
    )
    return board.build()


def spare_capacity(language: Language, zone: str) -> models.Dashboard:
    board = Board("spare_capacity", language, zone, ("now-28d/d", "now+7d/d"), _ALL[:3], refresh="1m")
    of_day = f"FROM {CAPACITY} WHERE {MACHINES} AND $timeFilter"
    board.number("earned", f"SELECT sum(booked_eur) AS earned {of_day}", "currencyEUR", decimals=2)
    board.number("left", f"SELECT sum(offered_eur) AS left {of_day} AND time < now() - 1d", "currencyEUR", decimals=2)
    board.number(
        "broken_share",
        f"SELECT last(broken) / last(checked) AS broken, last(broken_bound) AS bound FROM {PUBLISHER} WHERE {FACTORY} AND time > now() - 1d",
        "percentunit",
        width=12,
        decimals=1,
    )
    planned = ", ".join(f"sum({name}_h) AS {name}" for name in ("forecast", "offered", "held", "booked"))
    board.series(
        "capacity",
        {
            "$col": f"SELECT {planned} {of_day} {_EACH}",
            board.text("broken"): f"SELECT sum(broken_h) FROM {PROMISES} WHERE {MACHINES} AND $timeFilter {_EACH}",
        },
        "h",
        bars=True,
        width=24,
    )
    board.note("promises_counted", "promises_how")
    came = ", ".join(f"sum({name}) AS {name}" for name in ("kept", "broken", "booked", "withdrawn"))
    board.series(
        "promises",
        {"$col": f"SELECT {came} FROM {PROMISES} WHERE {MACHINES} AND $timeFilter {_EACH}"},
        "none",
        bars=True,
        stacked=True,
    )
    rates = "sum(promised_sum) / sum(checked) AS probability, sum(kept) / sum(checked) AS kept, sum(checked) AS checked"
    board.table(
        "reliability",
        f"SELECT {rates} FROM {RELIABILITY} WHERE {FACTORY} AND $timeFilter GROUP BY promised",
        shares=("probability", "kept"),
    )
    board.table(
        "waiting",
        f"SELECT probability, end_ms, answer_by_ms FROM {APPROVAL} WHERE {MACHINES} AND status = 'asked' AND time > now() - 1d AND time < now() + 30d GROUP BY machine",
        "none_waiting",
        24,
        shares=("probability",),
        show_time="start",
    )
    return board.build()


def machine_page(language: Language, zone: str) -> models.Dashboard:
    board = Board("machine_page", language, zone, ("now-7d/d", "now+2d/d"), ("factory", "machine"), refresh="1m")
    board.timeline("today", f"SELECT state FROM {TIMELINE} WHERE {_ONE_MACHINE} AND $timeFilter GROUP BY machine", 5)
    board.series(
        "days",
        {"$col": f"SELECT {_LOSSES} FROM {DAY} WHERE {_ONE_MACHINE} AND $timeFilter {_EACH}"},
        "h",
        bars=True,
        stacked=True,
        width=24,
    )
    planned = (
        "sum(free) / sum(known) AS came, mean(forecast) AS forecast, mean(offered) AS offered, mean(booked) AS booked"
    )
    board.series(
        "forecast_beside",
        {
            "$col": f"SELECT {planned} FROM {HOUR} WHERE {_ONE_MACHINE} AND $timeFilter GROUP BY time($__interval) fill(none)"
        },
        "percentunit",
        width=24,
        interval="1h",
    )
    board.series(
        "power",
        {
            "$col": f"SELECT mean(power_w) AS power FROM {HOUR} WHERE {_ONE_MACHINE} AND $timeFilter GROUP BY time($__interval) fill(none)"
        },
        "watt",
        interval="1h",
    )
    board.table(
        "slots",
        f"SELECT offered, promised FROM {HOUR} WHERE {_ONE_MACHINE} AND offered > 0 AND time > now() AND time < now() + 14d",
        "no_slots",
        units={"offered": "h"},
        shares=("promised",),
        show_time="start",
    )
    return board.build()


def pipe_health(language: Language, zone: str) -> models.Dashboard:
    board = Board("pipe_health", language, zone, ("now-24h", "now"), ("factory",), refresh="30s")
    gateway, worker, publisher = (f"FROM {measurement} WHERE " for measurement in (GATEWAY, INGEST, PUBLISHER))
    each = "GROUP BY time($__interval), {} fill(none)"
    board.table(
        "gateways",
        f"SELECT last(online) AS online, outbox, missing AS gaps, version {gateway}{FACTORY} AND time > now() - 20m GROUP BY gateway",
        width=24,
    )
    board.series(
        "outbox",
        {"$tag_gateway": f"SELECT max(outbox) {gateway}{FACTORY} AND $timeFilter {each.format('gateway')}"},
        "none",
        interval="5m",
    )
    board.series(
        "gaps",
        {"$tag_gateway": f"SELECT max(missing) {gateway}{FACTORY} AND $timeFilter {each.format('gateway')}"},
        "none",
        interval="5m",
    )
    board.series(
        "latency",
        {
            f"{board.text('mean')} $tag_worker": f"SELECT mean(latency_s) {worker}$timeFilter {each.format('worker')}",
            f"{board.text('lag')} $tag_worker": f"SELECT max(lag_s) {worker}$timeFilter {each.format('worker')}",
        },
        "s",
        interval="5m",
    )
    board.series(
        "quarantine",
        {"$tag_worker": f"SELECT max(quarantine) {worker}$timeFilter {each.format('worker')}"},
        "none",
        interval="5m",
    )
    board.series(
        "store",
        {
            f"{board.text('failing')} $tag_worker": f"SELECT max(failing) {worker}$timeFilter {each.format('worker')}",
            f"{board.text('connected')} $tag_worker": f"SELECT min(connected) {worker}$timeFilter {each.format('worker')}",
        },
        "bool_yes_no",
        interval="5m",
    )
    board.series(
        "publisher",
        {
            "$col": f"SELECT max(pending) AS pending, max(kill_switch) AS kill_switch, max(stopped) AS stopped {publisher}{FACTORY} AND $timeFilter GROUP BY time($__interval) fill(none)"
        },
        "bool_yes_no",
        interval="5m",
    )
    board.number("round_age", f"SELECT last(round_age_s) AS round_age {publisher}{FACTORY} AND time > now() - 20m", "s")
    return board.build()


PAGES: dict[str, Callable[[Language, str], models.Dashboard]] = {
    "factory_now": factory_now,
    "where_hours_go": where_hours_go,
    "spare_capacity": spare_capacity,
    "machine_page": machine_page,
    "pipe_health": pipe_health,
}
