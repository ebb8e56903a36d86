"""Machines as they are searched: read once, kept in memory, read again when something about them has changed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharing_platform.finding.fit import Facts, facts_of
from sharing_platform.finding.places import place_named
from sharing_platform.finding.tables import CatalogueVersion, Machine
from sharing_platform.finding.wish import MachineDetails
from sharing_platform.people.tables import Organisation

_THE_ONE = 1


@dataclass(frozen=True)
class CatalogueEntry:
    """A machine, its factory, and what can be found of them."""

    factory: str
    machine: str
    factory_name: str
    facts: Facts


class Catalogue:
    """One per process; calls come from several threads."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._version: int | None = None
        self._entries: dict[tuple[str, str], CatalogueEntry] = {}

    def entries(self, session: Session) -> dict[tuple[str, str], CatalogueEntry]:
        """By factory and machine, as this session sees them."""
        version = session.scalar(select(CatalogueVersion.version))
        with self._reading:
            if version != self._version:
                self._entries = _read(session)
                self._version = version
            return self._entries


def catalogue_changed(session: Session) -> None:
    """In the transaction of a change to machines or organisations that can be found."""
    grown = update(CatalogueVersion).where(CatalogueVersion.id == _THE_ONE)
    session.execute(grown.values(version=CatalogueVersion.version + 1))


def _read(session: Session) -> dict[tuple[str, str], CatalogueEntry]:
    query = select(Machine, Organisation).outerjoin(Organisation, Organisation.id == Machine.factory)
    return {(machine.factory, machine.machine): _entry(machine, factory) for machine, factory in session.execute(query)}


def _entry(machine: Machine, factory: Organisation | None) -> CatalogueEntry:
    name = factory.name if factory else machine.factory
    facts = facts_of(
        f"{machine.factory}/{machine.machine}",
        machine.title,
        machine.process,
        MachineDetails.model_validate(machine.details),
        texts=(name,),
        at=degrees_of(factory) if factory else None,
        place=factory.place if factory else "",
    )
    return CatalogueEntry(machine.factory, machine.machine, name, facts)


def degrees_of(organisation: Organisation) -> tuple[float, float] | None:
    """Where it is; None where it did not say."""
    if organisation.latitude is None or organisation.longitude is None:
        return None
    return organisation.latitude, organisation.longitude


def located(details: MachineDetails) -> MachineDetails:
    """With the degrees of its place, where it names one that is known and gives none itself."""
    if details.latitude is not None or not details.place:
        return details
    place = place_named(details.place)
    return (
        details
        if place is None
        else details.model_copy(update={"latitude": place.latitude, "longitude": place.longitude})
    )
