"""Dashboard "Factory now": every machine's state and today's timeline."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, statetimeline, table
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import DATASOURCE_UID, MEASUREMENT, InfluxQL
from dashboards.state_colours import STATE_COLOURS, STATE_TEXTS
from telemetry import MachineState

UID = "vrijloop-factory-now"

TIMELINE_QUERY = f"SELECT state FROM {MEASUREMENT} WHERE factory =~ /^$factory$/ AND $timeFilter GROUP BY machine"
LATEST_QUERY = (
    f"SELECT last(state) AS state, until_ms AS heard FROM {MEASUREMENT} WHERE factory =~ /^$factory$/ GROUP BY machine"
)
FACTORIES_QUERY = f'SHOW TAG VALUES FROM {MEASUREMENT} WITH KEY = "factory"'


def factory_now() -> models.Dashboard:
    """Times in the viewer's own zone; refreshed every 5 s."""
    source = models.DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)
    variable = dashboard.QueryVariable("factory").label("Fabriek").datasource(source).query(FACTORIES_QUERY)
    timeline = (
        statetimeline.Panel()
        .title("Vandaag")
        .datasource(source)
        .with_target(InfluxQL(TIMELINE_QUERY))
        .mappings([_state_mapping()])
        .height(12)
        .span(24)
    )
    latest = (
        table.Panel()
        .title("Nu")
        .datasource(source)
        .with_target(InfluxQL(LATEST_QUERY, result_format="table"))
        .mappings([_state_mapping()])
        .height(8)
        .span(24)
    )
    return (
        dashboard.Dashboard("Fabriek nu")
        .uid(UID)
        .tags(["vrijloop"])
        .refresh("5s")
        .time("now/d", "now")
        .timezone("browser")
        .with_variable(variable)
        .with_panel(timeline)
        .with_panel(latest)
        .build()
    )


def _state_mapping() -> models.ValueMap:
    options = {
        state.value: models.ValueMappingResult(text=STATE_TEXTS[state], color=STATE_COLOURS[state], index=place)
        for place, state in enumerate(MachineState)
    }
    return models.ValueMap(options=options)
