"""Weekly capacity as `WeekBasedCapacityGroup` 3.0.1 of Catena-X (CX-0128), and beside it what that has no field for: how sure the figures are. Pure.

A group holds the machines of one process; a machine without a process is a group by itself. Quantities are hours of machines (`unit:hourUnitOfTime`). `agreedCapacity` is what customer
and supplier have agreed upon for a material, which nobody here knows: it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analytics.capacity.settings import CatenaXTable, CustomerTable, DemandCategory, DemandTable
from analytics.capacity.weekly import INTERVAL, Capacity, GroupWeeks, MachineWeeks, together
from analytics.policy.policy import Policy
from telemetry import rfc3339

MODEL = "urn:samm:io.catenax.week_based_capacity_group:3.0.1#WeekBasedCapacityGroup"
_GROUPS = uuid5(NAMESPACE_URL, MODEL)

Quantity = Annotated[float, Field(ge=0, le=999_999_999_999_999_999.999)]
LeftOutReason = Literal["not_offered", "for_others", "too_little_known"]
Basis = Literal["forecast", "forecast_and_past_weeks", "past_weeks"]
_WHOLE = 0.999


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Week(_Document):
    """`pointInTime`: the week's Monday. `actualCapacity`: hours that can be expected to be free; `maximumCapacity`: hours that calendar and policy leave open."""

    point_in_time: date
    actual_capacity: Quantity
    maximum_capacity: Quantity


class Category(_Document):
    """Of a demand, by its code."""

    demand_category_code: DemandCategory


class LinkedDemand(_Document):
    """A demand of the customer. `loadFactor`: hours of a machine for a piece."""

    material_number_customer: str
    customer_location: str
    demand_category: Category
    load_factor: float


class WeekBasedCapacityGroup(_Document):
    """As Catena-X defines it; fields that Vrijloop never fills are left out."""

    capacity_group_id: UUID
    name: str
    customer: str
    supplier: str
    supplier_locations: list[str] | None = None
    unit_of_measure_is_omitted: Literal[False] = False
    unit_of_measure: Literal["unit:hourUnitOfTime"] = "unit:hourUnitOfTime"
    linked_demand_series: list[LinkedDemand] | None = None
    capacities: list[Week]
    changed_at: str
    capacity_group_is_inactive: bool


class WeekUncertainty(_Document):
    """Between `lowerCapacity` and `upperCapacity` the free hours of the week lie with the probability `interval`; both are missing where too few past weeks are known. `basis`: whether the forecast reaches
    the whole week, a part of it, or none."""

    point_in_time: date
    lower_capacity: Quantity | None = None
    upper_capacity: Quantity | None = None
    basis: Basis


class GroupUncertainty(_Document):
    """Of one group. `pastWeeks`: how many weeks the figures are learnt from; of the newest `checkedWeeks` of these, `weeksInside` lay in the interval that the weeks before them had told."""

    capacity_group_id: UUID
    name: str
    machines: int
    past_weeks: int
    checked_weeks: int
    weeks_inside: int
    weeks: list[WeekUncertainty]


class Uncertainty(_Document):
    """Belongs to the capacity groups of the same moment. `plannedWorkKnownUntil`: up to which day calendars of planned work were read; work that is planned for later takes nothing off yet."""

    describes: str = MODEL
    changed_at: str
    unit_of_measure: Literal["unit:hourUnitOfTime"] = "unit:hourUnitOfTime"
    interval: float = INTERVAL
    planned_work_known_until: date
    groups: list[GroupUncertainty]


class LeftOut(_Document):
    """A machine that is in no group, and why: it is not offered (`not_offered`), others alone may know of it (`for_others`), or too few of its weeks are known (`too_little_known`)."""

    machine: str
    reason: LeftOutReason


class CapacityExport(_Document):
    """For one customer. `groups` and `uncertainty` are what it gets; `leftOut` is for the factory alone, and so is `unlinked`: names of groups that no demand of the customer is linked to, which receivers refuse."""

    groups: list[WeekBasedCapacityGroup]
    uncertainty: Uncertainty
    left_out: list[LeftOut]
    unlinked: list[str]


@dataclass(frozen=True)
class _Group:
    """`called`: its process, or its only machine, as the configuration may write it. `key`: tells the one from the other."""

    key: str
    called: str
    name: str
    machines: Sequence[MachineWeeks]


def export_capacity(
    capacity: Capacity,
    policy: Policy,
    table: CatenaXTable,
    customer: CustomerTable,
    known: Sequence[str],
    stopped: bool,
) -> CapacityExport:
    """`known`: all machines of the factory. `stopped`: the kill switch is on, so that the groups are inactive."""
    left_out = {name: reason for name in known if (reason := _reason(name, capacity, policy, customer)) is not None}
    shown = {name: weeks for name, weeks in capacity.machines.items() if name not in left_out}
    agreed = {name.casefold(): uuid for name, uuid in customer.group_ids.items()}
    at, groups, told, unlinked = rfc3339(capacity.at), [], [], []
    for group in _grouped(shown, policy):
        weeks = together(group.machines)
        uuid = agreed.get(group.called) or _group_id(table, customer, policy.factory, group.key)
        demand = [_linked(one) for one in customer.demand if one.process.casefold() == group.called]
        if not demand:
            unlinked.append(group.name)
        groups.append(
            WeekBasedCapacityGroup(
                capacity_group_id=uuid,
                name=group.name,
                customer=customer.number,
                supplier=table.number,
                supplier_locations=list(table.sites) or None,
                linked_demand_series=demand or None,
                capacities=_weeks(capacity.mondays, weeks),
                changed_at=at,
                capacity_group_is_inactive=stopped,
            )
        )
        told.append(
            GroupUncertainty(
                capacity_group_id=uuid,
                name=group.name,
                machines=len(group.machines),
                past_weeks=weeks.past_weeks,
                checked_weeks=weeks.checked,
                weeks_inside=weeks.inside,
                weeks=_uncertainty(capacity.mondays, weeks),
            )
        )
    return CapacityExport(
        groups=groups,
        uncertainty=Uncertainty(
            changed_at=at, planned_work_known_until=(capacity.at + policy.horizon).date(), groups=told
        ),
        left_out=[LeftOut(machine=name, reason=reason) for name, reason in sorted(left_out.items())],
        unlinked=unlinked,
    )


def _reason(name: str, capacity: Capacity, policy: Policy, customer: CustomerTable) -> LeftOutReason | None:
    rules = policy.for_machine(name)
    if not rules.is_offered:
        return "not_offered"
    named = name in customer.machines
    if not named and (customer.machines or rules.visibility not in ("public", "members")):
        return "for_others"
    return None if name in capacity.machines else "too_little_known"


def _grouped(machines: Mapping[str, MachineWeeks], policy: Policy) -> list[_Group]:
    by_key: dict[str, tuple[str, list[MachineWeeks]]] = {}
    for name, weeks in machines.items():
        rules = policy.for_machine(name)
        process = (rules.process or "").strip()
        key = f"process:{process.casefold()}" if process else f"machine:{name}"
        by_key.setdefault(key, (process or rules.title or name, []))[1].append(weeks)
    return [_Group(key, key.partition(":")[2], said, found) for key, (said, found) in sorted(by_key.items())]


def _group_id(table: CatenaXTable, customer: CustomerTable, factory: str, key: str) -> UUID:
    """The same for each export, so that the customer knows the group again; another for each customer, so that customers learn nothing from each other's."""
    return uuid5(_GROUPS, f"{table.number}/{customer.number}/{factory}/{key}")


def _linked(demand: DemandTable) -> LinkedDemand:
    return LinkedDemand(
        material_number_customer=demand.material,
        customer_location=demand.location,
        demand_category=Category(demand_category_code=demand.category),
        load_factor=demand.hours,
    )


def _weeks(mondays: Sequence[date], weeks: GroupWeeks) -> list[Week]:
    rows = zip(mondays, weeks.expected_h.tolist(), weeks.open_h.tolist(), strict=True)
    return [
        Week(point_in_time=monday, actual_capacity=_down(expected), maximum_capacity=_down(most))
        for monday, expected, most in rows
    ]


def _uncertainty(mondays: Sequence[date], weeks: GroupWeeks) -> list[WeekUncertainty]:
    columns = (weeks.low_h.tolist(), weeks.high_h.tolist(), weeks.forecast.tolist())
    return [
        WeekUncertainty(
            point_in_time=monday,
            lower_capacity=None if math.isnan(low) else _down(low),
            upper_capacity=None if math.isnan(high) else _down(high),
            basis="past_weeks" if not reach else "forecast" if reach > _WHOLE else "forecast_and_past_weeks",
        )
        for monday, low, high, reach in zip(mondays, *columns, strict=True)
    ]


def _down(hours: float) -> float:
    """Hundredths of an hour, rounded down so that nothing looks better than it is, and what is less stays less."""
    return math.floor(hours * 100 + 1e-6) / 100
