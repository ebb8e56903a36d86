"""Machines as they are searched, with their factories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.machines.models import Machine
from sharing_platform.organisations.models import Organisation
from sharing_platform.search.index import SearchIndex
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import SearchDocument, document_of


@dataclass(frozen=True)
class IndexEntry:
    """A machine, its factory, and what can be found of them."""

    factory: str
    machine: str
    factory_name: str
    document: SearchDocument


MachineIndex: TypeAlias = SearchIndex[tuple[str, str], IndexEntry]
"""By factory and machine."""


def machine_index() -> MachineIndex:
    return SearchIndex(_read)


def get_machine_index(request: Request) -> MachineIndex:
    return cast("MachineIndex", request.app.state.machine_index)


Index = Annotated[MachineIndex, Depends(get_machine_index)]


def _read(session: Session) -> dict[tuple[str, str], IndexEntry]:
    query = select(Machine, Organisation).outerjoin(Organisation, Organisation.id == Machine.factory)
    return {(machine.factory, machine.machine): _entry(machine, factory) for machine, factory in session.execute(query)}


def _entry(machine: Machine, factory: Organisation | None) -> IndexEntry:
    name = factory.name if factory else machine.factory
    document = document_of(
        f"{machine.factory}/{machine.machine}",
        machine.title,
        machine.process,
        MachineDetails.model_validate(machine.details),
        texts=(name,),
        at=factory.degrees if factory else None,
        place=factory.place if factory else "",
    )
    return IndexEntry(machine.factory, machine.machine, name, document)
