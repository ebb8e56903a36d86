"""The `[catena_x]` table of the server's configuration: who the factory is in Catena-X, and for which customers weekly capacity is exported."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from telemetry import Name

LegalEntity = Annotated[str, StringConstraints(pattern=r"^BPNL[a-zA-Z0-9]{12}$")]
Site = Annotated[str, StringConstraints(pattern=r"^BPNS[a-zA-Z0-9]{12}$")]
"""Business partner numbers, as the aspect models write them."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
DemandCategory = Literal["0001", "A1S1", "SR99", "PI01", "OS01", "OI01", "ED01", "PO01"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DemandTable(_Table):
    """A material that the customer asks for, and which the machines of a `process` make, or the machine of that name where it has none. `hours`: what a piece takes of a machine."""

    process: Text
    material: Text
    location: Site
    category: DemandCategory = "0001"
    hours: Annotated[float, Field(gt=0, le=10_000)]


class CustomerTable(_Table):
    """A customer. `machines`: those whose hours may be told to it; without them, all that are offered to everybody or to the platform's members. `group_ids`: UUIDs of groups, by process or machine,
    where customer and factory have agreed on others than those that are made of their names."""

    name: Name
    number: LegalEntity
    machines: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    demand: Annotated[tuple[DemandTable, ...], Field(max_length=1000)] = ()
    group_ids: dict[Text, UUID] = {}


class CatenaXTable(_Table):
    """`number`: the factory's company; `sites`: where its machines stand."""

    number: LegalEntity
    sites: Annotated[tuple[Site, ...], Field(max_length=100)] = ()
    customer: Annotated[tuple[CustomerTable, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [one.name for one in self.customer]
        if len(set(names)) < len(names):
            raise ValueError("two [[catena_x.customer]] tables have the same `name`")
        return self

    def find(self, name: str) -> CustomerTable | None:
        return next((one for one in self.customer if one.name == name), None)
