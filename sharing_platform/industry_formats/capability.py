"""`ManufacturingCapability` 3.1.0 of Catena-X (CX-0115): what the machines of a factory can do. Pure.

A process of the platform's vocabulary is a capability, which specializes its class of DIN 8580, and that the class above it. Work envelope, tolerance and load constrain what a machine provides, and so does each
material. Bills of process, products and tools are not known to the platform: these sets are empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from sharing_platform.industry_formats.description import (
    DIN_8580,
    MachineDescription,
    Measure,
    ProcessOf,
    Words,
    materials_of,
    measures_of,
    processes_of,
    translated,
    written,
)

_Model = TypeVar("_Model", bound=BaseModel)

MODEL = "urn:samm:io.catenax.manufacturing_capability:3.1.0#ManufacturingCapability"


class _Entity(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Property(_Entity):
    """A number with its name; the unit is in the name, as the model has no field for it."""

    property_label: Words
    property_value: str


class Element(_Entity):
    """Something with a name in some languages."""

    label: Words


class ElementId(_Entity):
    """Names a capability."""

    hierarchy_element_id: str


class Constraint(_Entity):
    """A condition under which a machine provides a capability."""

    capability_constraint_properties: list[Property] | None = None
    refers_to_material: Element | None = None


class Capability(_Entity):
    """A process, or a class of processes."""

    hierarchy_element_id: str
    label: Words
    capability_label: Words
    specializes: list[ElementId] | None = None
    generalizes: list[ElementId] | None = None
    capability_constraint_set: list[Constraint] | None = None


class Machine(_Entity):
    """With what it provides."""

    label: Words
    properties: list[Property] | None = None
    provides: list[Capability] | None = None


class ManufacturingCapability(_Entity):
    """As Catena-X defines it; fields that the platform never fills are left out, and sets of what it does not know are empty."""

    processes: list[ElementId] = []
    machines: list[Machine]
    products: list[Element] = []
    capabilities: list[Capability]
    machine_tools: list[Element] = []
    certificates: list[Element]


def manufacturing_capability(machines: Sequence[MachineDescription]) -> ManufacturingCapability:
    certificates = dict.fromkeys(one for machine in machines for one in machine.details.certificates)
    return ManufacturingCapability(
        machines=_each_once(_machine(one) for one in machines),
        capabilities=_hierarchy([process for machine in machines for process in processes_of(machine)]),
        certificates=[Element(label=written(one)) for one in certificates],
    )


def _machine(machine: MachineDescription) -> Machine:
    details, measures = machine.details, measures_of(machine.details)
    constraints = [Constraint(capability_constraint_properties=list(map(_property, measures)))] if measures else []
    constraints += _each_once(Constraint(refers_to_material=Element(label=one)) for one in materials_of(details))
    named = (("make", details.make), ("model", details.model))
    properties = [Property(property_label=translated(name), property_value=said) for name, said in named if said]
    return Machine(
        label=written(machine.title),
        properties=properties or None,
        provides=[_capability(one, constraints) for one in processes_of(machine)] or None,
    )


def _capability(process: ProcessOf, constraints: Sequence[Constraint] = ()) -> Capability:
    classes = process.classes
    return Capability(
        hierarchy_element_id=process.key,
        label=process.names,
        capability_label=process.names,
        specializes=[ElementId(hierarchy_element_id=_id_of(classes[0]))] if classes else None,
        capability_constraint_set=list(constraints) or None,
    )


def _hierarchy(processes: Iterable[ProcessOf]) -> list[Capability]:
    """The processes, each once, and the classes of DIN 8580 above them, each with what it generalizes."""
    found: dict[str, Capability] = {}
    below: dict[str, dict[str, None]] = {}
    for process in processes:
        found.setdefault(process.key, _capability(process))
        chain = [process.key, *map(_id_of, process.classes)]
        for narrow, wide in pairwise(chain):
            below.setdefault(wide, {})[narrow] = None
    above = {narrow: wide for wide, narrows in below.items() for narrow in narrows}
    for name in sorted(below):
        said = written(name)
        found[name] = Capability(
            hierarchy_element_id=name,
            label=said,
            capability_label=said,
            specializes=[ElementId(hierarchy_element_id=above[name])] if name in above else None,
            generalizes=[ElementId(hierarchy_element_id=one) for one in sorted(below[name])],
        )
    return list(found.values())


def _id_of(din_class: str) -> str:
    return f"{DIN_8580} {din_class}"


def _property(measure: Measure) -> Property:
    return Property(property_label=measure.names, property_value=f"{measure.value:.10g}")


def _each_once(models: Iterable[_Model]) -> list[_Model]:
    """Sets of the model hold each element once; two machines of one kind may be described alike."""
    found: list[_Model] = []
    for one in models:
        if one not in found:
            found.append(one)
    return found
