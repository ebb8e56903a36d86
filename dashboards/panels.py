"""Builders for the kinds of panels and dashboards that are used. Names of columns and series in queries are keys of `texts`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import text as note
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from dashboards.influxql import DATASOURCE_UID, FACTORY, InfluxQL
from dashboards.plan_colours import OTHER_COLOURS
from dashboards.texts import Language, state_text, text
from telemetry import MachineState
from telemetry.appearance import LOSS_COLOURS, STATE_COLOURS
from telemetry.measurements import DAY, NOW, SHIFT, TIMELINE

SOURCE = models.DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)
PAGES = ("factory_now", "where_hours_go", "spare_capacity", "machine_page", "pipe_health")
TODAY = "now/d"

_UNITS = {
    "since_ms": "dateTimeFromNow", "heard_ms": "dateTimeFromNow", "end_ms": "dateTimeAsLocal", "answer_by_ms": "dateTimeAsLocal",
}  # fmt: skip
_NAMES = {"since_ms": "since", "heard_ms": "heard", "end_ms": "end", "answer_by_ms": "answer_by", "group": "group"}


def uid(page: str, language: Language) -> str:
    return f"vrijloop-{page.removesuffix('_page').replace('_', '-')}-{language}"


class Board:
    """One dashboard in one language. Panels are placed from left to right, in a new row when one is full."""

    def __init__(
        self,
        page: str,
        language: Language,
        zone: str,
        span: tuple[str, str],
        variables: Sequence[str],
        refresh: str = "1m",
    ) -> None:
        self.language = language
        self.zone = zone
        self._board = (
            dashboard.Dashboard(self.text(page))
            .uid(uid(page, language))
            .tags(["vrijloop", f"vrijloop-{language}"])
            .refresh(refresh)
            .time(*span)
            .timezone(zone)
            .week_start("monday")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
        )
        for name in variables:
            self._board.with_variable(self._variable(name, single=page == "machine_page" and name == "machine"))
        for other in PAGES:
            if other != page:
                link = dashboard.DashboardLink(self.text(other)).type(models.DashboardLinkType.LINK)
                self._board.link(
                    link.url(f"/d/{uid(other, language)}").include_vars(True).keep_time(other != "factory_now")
                )

    def text(self, key: str) -> str:
        return text(key, self.language)

    def build(self) -> models.Dashboard:
        return self._board.build()

    def timeline(self, title: str, query: str, height: int = 10) -> None:
        """A state timeline of today only: a year of changes would be unreadable and expensive to query."""
        panel = (
            statetimeline.Panel()
            .title(self.text(title))
            .datasource(SOURCE)
            .with_target(InfluxQL(query, alias="$tag_machine"))
            .mappings([self._states()])
            .data_links([self._machine_link("${__field.labels.machine}")])
            .time_from(TODAY)
            .merge_values(True)
            .show_value(shapes.VisibilityMode.NEVER)
        )
        self._board.with_panel(panel.height(height).span(24))

    def table(
        self, title: str, query: str, empty: str = "", width: int = 12, height: int = 8, units: Mapping[str, str] | None = None,
        heat: str | None = None, shares: Sequence[str] = (), show_time: str | None = None, sort: str | None = None,
    ) -> None:  # fmt: skip
        """A table. `units`: Grafana's unit by column; `heat`: regular expression of the columns to colour; `show_time`: text key of the time column."""
        panel = (
            table.Panel().title(self.text(title)).datasource(SOURCE).with_target(InfluxQL(query, result_format="table"))
        )
        names = self._names(query)
        hidden: dict[str, Any] = {"excludeByName": {} if show_time else {"Time": True}, "renameByName": {}}
        for column, key in names.items():
            hidden["renameByName"][column] = self.text(key)
        if show_time:
            hidden["renameByName"]["Time"] = self.text(show_time)
        panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=hidden))
        self._columns(panel, names, {**_UNITS, **(units or {})}, shares)
        if heat is not None:
            cell = {"type": "color-background", "mode": "basic"}
            scheme = {"mode": "continuous-blues"}
            values = [
                models.DynamicConfigValue(id_val="custom.cellOptions", value=cell),
                models.DynamicConfigValue(id_val="color", value=scheme),
                models.DynamicConfigValue(id_val="decimals", value=0),
                models.DynamicConfigValue(id_val="custom.minWidth", value=40),
            ]
            panel.override_by_regexp(heat, values)
        if sort is not None:
            panel.sort_by([common.TableSortByFieldState().display_name(self.text(sort)).desc(False)])
        if empty:
            panel.no_value(self.text(empty))
        self._board.with_panel(panel.height(height).span(width))

    def series(
        self, title: str, queries: Mapping[str, str], unit: str, bars: bool = False, stacked: bool = False, width: int = 12,
        height: int = 8, interval: str | None = None,
    ) -> None:  # fmt: skip
        """A time series. `queries`: query by alias; `$col` stands for the query's column names, which are keys of `texts`."""
        panel = timeseries.Panel().title(self.text(title)).datasource(SOURCE).unit(unit).min(0)
        for place, (alias, query) in enumerate(queries.items()):
            panel.with_target(InfluxQL(query, alias=alias, ref_id=chr(ord("A") + place)))
        if bars:
            panel.draw_style(shapes.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
        else:
            panel.fill_opacity(8).line_width(2)
        if stacked:
            panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
        if interval is not None:
            panel.interval(interval)
        self._colours(panel, [name for name in self._names(queries.get("$col", "")) if "$col" in queries])
        self._board.with_panel(panel.height(height).span(width))

    def bars(
        self,
        title: str,
        queries: Sequence[str],
        unit: str,
        x: str | None,
        stacked: bool = False,
        width: int = 12,
        height: int = 8,
    ) -> None:
        """A bar chart with the category `x`; None means one bar per column."""
        names = [name for query in queries for name in self._names(query)]
        panel: Any = barchart.Panel() if x is not None else bargauge.Panel()
        panel.title(self.text(title)).datasource(SOURCE).unit(unit).decimals(0 if unit == "h" else 1).min(0)
        for place, query in enumerate(queries):
            panel.with_target(InfluxQL(query, result_format="table", ref_id=chr(ord("A") + place)))
        if len(queries) > 1:
            panel.with_transformation(
                models.DataTransformerConfig(id_val="joinByField", options={"byField": x, "mode": "outer"})
            )
        rename = {"excludeByName": {"Time": True, "Time 1": True, "Time 2": True}, "renameByName": {}}
        panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=rename))
        if x is not None:
            panel.x_field(x)
            if x == "machine":
                panel.data_links([self._machine_link("${__data.fields.machine}")])
            if stacked:
                panel.stacking(shapes.StackingMode.NORMAL)
        self._colours(panel, names)
        self._board.with_panel(panel.height(height).span(width))

    def note(self, title: str, content: str, height: int = 4) -> None:
        """A text across the whole width."""
        panel = note.Panel().title(self.text(title)).mode(TextMode.MARKDOWN).content(self.text(content))
        self._board.with_panel(panel.height(height).span(24))

    def number(self, title: str, query: str, unit: str, width: int = 6, height: int = 4, **decimals: int) -> None:
        panel = stat.Panel().title(self.text(title)).datasource(SOURCE).unit(unit).no_value("-")
        panel.with_target(InfluxQL(query)).graph_mode(shapes.BigValueGraphMode.NONE)
        panel.decimals(decimals.get("decimals", 0))
        self._colours(panel, list(self._names(query)))
        self._board.with_panel(panel.height(height).span(width))

    def _machine_address(self, machine: str) -> str:
        return f"/d/{uid('machine_page', self.language)}?${{factory:queryparam}}&var-machine={machine}"

    def _machine_link(self, machine: str) -> Any:
        link = dashboard.DashboardLink(self.text("machine_page")).type(models.DashboardLinkType.LINK)
        return link.url(self._machine_address(machine))

    def _colours(self, panel: Any, names: Sequence[str]) -> None:
        """Set names and colours of series whose names are keys of `texts`."""
        for name in dict.fromkeys(names):
            key = _NAMES.get(name, name)
            values = [models.DynamicConfigValue(id_val="displayName", value=self.text(key))]
            colour = LOSS_COLOURS.get(name) or OTHER_COLOURS.get(name)
            if colour is not None:
                fixed = {"mode": "fixed", "fixedColor": colour}
                values.append(models.DynamicConfigValue(id_val="color", value=fixed))
            panel.override_by_name(name, values)

    def _columns(self, panel: Any, names: Mapping[str, str], units: Mapping[str, str], shares: Sequence[str]) -> None:
        """Set units, value mappings and links of the columns."""
        for column, unit in units.items():
            if column in names:
                self._override(panel, column, names, [("unit", unit)])
        for column in shares:
            self._override(panel, column, names, [("unit", "percentunit"), ("decimals", 1), ("min", 0), ("max", 1)])
        if "state" in names:
            mapping = [self._states().to_json()]
            cell = {"type": "color-background", "mode": "basic"}
            self._override(panel, "state", names, [("mappings", mapping), ("custom.cellOptions", cell)])
        if "online" in names:
            options = {
                "0": {"text": self.text("no"), "color": "#D55E00", "index": 0},
                "1": {"text": self.text("yes"), "color": "#009E73", "index": 1},
            }
            cell = {"type": "color-text"}
            self._override(
                panel,
                "online",
                names,
                [("mappings", [{"type": "value", "options": options}]), ("custom.cellOptions", cell)],
            )
        if "machine" in names:
            link = {"title": self.text("machine_page"), "url": self._machine_address("${__value.raw}")}
            self._override(panel, "machine", names, [("links", [link])])
        if "weekday" in names:
            days = {
                str(place): {"text": name, "index": place}
                for place, name in enumerate(self.text("weekdays").split(","), start=1)
            }
            self._override(panel, "weekday", names, [("mappings", [{"type": "value", "options": days}])])

    def _override(self, panel: Any, column: str, names: Mapping[str, str], values: Sequence[tuple[str, Any]]) -> None:
        title = self.text(names[column]) if column in names else column
        panel.override_by_name(title, [models.DynamicConfigValue(id_val=one, value=value) for one, value in values])

    @staticmethod
    def _names(query: str) -> dict[str, str]:
        """Text keys by column of a query: names after AS, plain fields, and tags in GROUP BY."""
        chosen, _, rest = query.removeprefix("SELECT ").partition(" FROM ")
        columns = re.findall(r'AS "?(\w+)"?', chosen) + [
            name for name in chosen.split(", ") if re.fullmatch(r"\w+", name)
        ]
        grouped = rest.partition(" GROUP BY ")[2].partition(" fill(")[0].partition(" tz(")[0]
        columns += [name for name in re.findall(r'(?:^|, )"?([a-z]+)"?(?=,|$)', grouped) if name != "time"]
        return {name: _NAMES.get(name, name) for name in columns if not name.isdigit()}

    def _variable(self, name: str, single: bool) -> Any:
        measurement = {"shift": SHIFT, "group": DAY, "machine": NOW}.get(name, TIMELINE)
        query = f'SHOW TAG VALUES FROM {measurement} WITH KEY = "{name}"'
        if name != "factory":
            query += f" WHERE {FACTORY}"
        if name == "machine":
            query += "" if single else ' AND "group" =~ /^$group$/'
        variable = dashboard.QueryVariable(name).label(self.text(name)).datasource(SOURCE).query(query)
        variable.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(models.VariableSort.ALPHABETICAL_ASC)
        if not single and name != "factory":
            variable.multi(True).include_all(True).all_value(".*")
            variable.current(models.VariableOption(selected=True, text="All", value="$__all"))
        return variable

    def _states(self) -> models.ValueMap:
        return models.ValueMap(
            options={
                state.value: models.ValueMappingResult(
                    text=state_text(state, self.language), color=STATE_COLOURS[state], index=place
                )
                for place, state in enumerate(MachineState)
            }
        )
