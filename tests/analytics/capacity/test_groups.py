"""Weekly capacity in Catena-X's format: as the published schema and the text of CX-0128 ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx2
import pytest
from pydantic import ValidationError

from analytics.api.context import AnalyticsContext
from analytics.app import build_app
from analytics.capacity.groups import CapacityExport, export_capacity
from analytics.capacity.settings import CatenaXTable
from analytics.capacity.weekly import Capacity
from analytics.history.quarter_grid import UNKNOWN, QuarterGrid
from analytics.policy.policy import Policy
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from stores import StateStore
from telemetry import SystemClock, UserError
from tests.analytics.capacity.test_weekly import MONDAY, capacity_of, grid, policy
from tests.published_schemas import ONE_PROCESS, faults
from tests.servers import serving
from tests.vrijloop.command_line import invoke

DEMAND = {"process": "Turning", "material": "MNR-7307", "location": "BPNS000000000002", "hours": 0.25}
MAKER = {"name": "motor-works", "number": "BPNL000000000002", "demand": [DEMAND]}
OTHER = {"name": "other-works", "number": "BPNL000000000003"}
MACHINES = {
    "lathe-1": {"process": "turning"},
    "lathe-2": {"process": "Turning"},
    "press": {"title": "Toggle press"},
    "laser": {"offer": False},
    "secret": {"visibility": ["genk"], "process": "milling"},
}
TOKEN = "a-token-of-hal-2-0123"


def table(*customers: dict[str, Any]) -> CatenaXTable:
    return CatenaXTable.model_validate(
        {"number": "BPNL000000000001", "sites": ["BPNS000000000001"], "customer": customers or (MAKER, OTHER)}
    )


def rules(**wishes: Any) -> Policy:
    return policy(machine=MACHINES, **wishes)


def export(
    customer: str = "motor-works", stopped: bool = False, known: Capacity | None = None, *customers: dict[str, Any]
) -> CapacityExport:
    weeks = known or capacity_of({name: grid(26) for name in MACHINES}, rules())
    chosen = table(*customers)
    found = chosen.find(customer)
    assert found is not None
    return export_capacity(weeks, rules(), chosen, found, [*MACHINES, "new"], stopped)


def payload(export: CapacityExport) -> Any:
    return json.loads(export.model_dump_json(by_alias=True, exclude_none=True))


@pytest.mark.long
@ONE_PROCESS
def test_groups_hold_to_the_published_schema() -> None:
    groups = payload(export())["groups"]
    assert [one["name"] for one in groups] == ["Toggle press", "turning"]
    for group in groups:
        assert faults("WeekBasedCapacityGroup-3.0.1", group) == []
    assert faults("WeekBasedCapacityGroup-3.0.1", groups[0] | {"unitOfMeasure": "unit:machineHour"}) != []
    assert len(json.dumps(groups)) < 15 * 2**20, "what may be sent at a time"


def test_groups_hold_to_the_text_of_the_standard() -> None:
    """What the schema cannot say: section 4.2.2.2 and chapter 5.6 of CX-0128."""
    for group in payload(export())["groups"]:
        weeks = [date.fromisoformat(one["pointInTime"]) for one in group["capacities"]]
        assert all(day.weekday() == 0 for day in weeks), "Mondays"
        assert weeks == sorted(set(weeks)), "each week once"
        assert weeks[1] - weeks[0] == timedelta(weeks=1)
        assert len(weeks) == 52
        assert all(one["maximumCapacity"] >= one["actualCapacity"] >= 0 for one in group["capacities"])
        assert group["unitOfMeasureIsOmitted"] is False, "else there must be no unit"
        assert "linkedCapacityGroups" not in group
        assert "agreedCapacity" not in group["capacities"][0], "nobody here knows it"


def test_a_group_links_the_customers_demand_or_is_named_as_one_that_does_not() -> None:
    found = export()
    turning = payload(found)["groups"][1]
    assert turning["linkedDemandSeries"] == [
        {"materialNumberCustomer": "MNR-7307", "customerLocation": "BPNS000000000002", "demandCategory": {"demandCategoryCode": "0001"}, "loadFactor": 0.25}
    ]  # fmt: skip
    assert found.unlinked == ["Toggle press"]
    assert "linkedDemandSeries" not in payload(found)["groups"][0], "an empty list would count as a value"


def test_a_group_has_the_same_id_in_each_export_and_another_for_each_customer() -> None:
    ids = [one.capacity_group_id for one in export().groups]
    assert ids == [
        one.capacity_group_id
        for one in export(known=capacity_of({name: grid(26) for name in MACHINES}, rules(), days=3)).groups
    ]
    assert all(one.version == 5 for one in ids)
    assert set(ids).isdisjoint(one.capacity_group_id for one in export("other-works").groups)
    agreed = UUID("0157ba42-d2a8-4e28-8565-7b07830c1110")
    chosen = export("motor-works", False, None, MAKER | {"group_ids": {"turning": str(agreed)}})
    assert [one.capacity_group_id for one in chosen.groups] == [ids[0], agreed]
    assert [one.capacity_group_id for one in chosen.uncertainty.groups] == [ids[0], agreed]


def test_what_a_customer_gets_names_no_machine_that_has_a_process() -> None:
    found = export()
    told = found.model_dump_json(include={"groups", "uncertainty"})
    assert not any(name in told for name in MACHINES if name != "press")
    assert "hal-2" not in told
    assert {one.machine: one.reason for one in found.left_out} == {
        "laser": "not_offered",
        "secret": "for_others",
        "new": "too_little_known",
    }


def test_a_machine_for_partners_is_told_to_whom_names_it_and_others_are_not() -> None:
    found = export("motor-works", False, None, MAKER | {"machines": ["secret"]})
    assert [one.name for one in found.groups] == ["milling"]
    assert {one.machine for one in found.left_out if one.reason == "for_others"} == {
        "lathe-1",
        "lathe-2",
        "press",
        "new",
    }


def test_the_companion_says_how_sure_each_week_is() -> None:
    young = grid(26).values.copy()
    young[: 18 * 7 * 96] = UNKNOWN
    two_of_three = grid(26, {week: week % 3 > 0 for week in range(26)})
    known = capacity_of({"lathe-1": two_of_three, "press": QuarterGrid(young, MONDAY, "UTC")}, rules())
    found = payload(export(known=known))
    press, turning = found["uncertainty"]["groups"]
    assert [one["pointInTime"] for one in turning["weeks"]] == [
        one["pointInTime"] for one in found["groups"][1]["capacities"]
    ]
    week = turning["weeks"][0]
    assert (week["lowerCapacity"], week["upperCapacity"], week["basis"]) == (0, 10, "past_weeks")
    assert (turning["machines"], turning["pastWeeks"], turning["checkedWeeks"], turning["weeksInside"]) == (
        1,
        26,
        17,
        17,
    )
    assert "lowerCapacity" not in press["weeks"][0], "eight weeks are too few to tell"
    assert (found["uncertainty"]["interval"], found["uncertainty"]["changedAt"]) == (
        0.8,
        found["groups"][0]["changedAt"],
    )


def test_while_the_kill_switch_is_on_groups_are_inactive() -> None:
    assert {one.capacity_group_is_inactive for one in export().groups} == {False}
    assert {one.capacity_group_is_inactive for one in export(stopped=True).groups} == {True}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(MAKER | {"number": "BPNL2"}, id="no number of a company"),
        pytest.param(MAKER | {"demand": [DEMAND | {"location": "BPNL000000000002"}]}, id="no number of a site"),
        pytest.param(MAKER | {"demand": [DEMAND | {"category": "X"}]}, id="no category"),
        pytest.param(MAKER | {"name": "other-works"}, id="the same name twice"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        table(wrong, OTHER)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, PublisherState, Any]]:
    """The API of a server that has had a round, its configuration, and its state."""
    weeks = capacity_of({"lathe-1": grid(26), "laser": grid(26)}, rules())
    service = SimpleNamespace(result=None, capacity=lambda: weeks)
    store = SimpleNamespace(latest=lambda _: [SimpleNamespace(machine=name) for name in ("lathe-1", "laser")])
    state = PublisherState(tmp_path / "publisher.sqlite")
    context = AnalyticsContext(
        cast("StateStore", store), cast("AnalyticsService", service), rules(), SystemClock(), {"hal-2": TOKEN}, dict, str, state, catena_x=table()
    )  # fmt: skip
    with serving(build_app(context)) as url:
        (tmp_path / "token").write_text(TOKEN)
        config = tmp_path / "server.toml"
        config.write_text(f'token_file = "{tmp_path}/token"\npolicy = "policy.toml"\nport = {url.rpartition(":")[2]}\n')
        yield config, state, service
    state.close()


@ONE_PROCESS
def test_the_command_writes_the_groups_and_beside_them_how_sure_they_are(
    server: tuple[Path, PublisherState, Any], tmp_path: Path
) -> None:
    config, state, service = server
    said = invoke("export", "capacity", "motor-works", "-c", config, "-o", tmp_path / "capacity.json")
    groups = json.loads((tmp_path / "capacity.json").read_text())
    assert [faults("WeekBasedCapacityGroup-3.0.1", one) for one in groups] == [[]]
    companion = json.loads((tmp_path / "capacity.uncertainty.json").read_text())
    assert companion["groups"][0]["capacityGroupId"] == groups[0]["capacityGroupId"]
    assert "leftOut" not in companion
    assert "capacity.uncertainty.json" in said
    state.set_kill_switch(True, None, SystemClock().now())
    shown = json.loads(invoke("export", "capacity", "motor-works", "-c", config, "--json"))
    assert shown["groups"][0]["capacityGroupIsInactive"]
    assert shown["leftOut"] == [{"machine": "laser", "reason": "not_offered"}]
    with pytest.raises(UserError, match=r"404: .*\[\[catena_x.customer\]\]"):
        invoke("export", "capacity", "nobody", "-c", config)
    service.capacity = lambda: None
    with pytest.raises(UserError, match="503: Nothing is forecast yet"):
        invoke("export", "capacity", "motor-works", "-c", config)
    assert (
        httpx2.get(f"http://127.0.0.1:{config.read_text().split()[-1]}/api/v1/capacity/motor-works").status_code == 401
    )
