"""Machines as they are searched: as their factory knows them, and as everybody else may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.machines.anonymity import cell_of, public_details, public_process, public_title
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.machines.region_map import town_around
from sharing_platform.organisations.models import Organisation
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.pictures.service import shown_pictures
from sharing_platform.search.index import SearchIndex
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import SearchDocument, document_of


@dataclass(frozen=True)
class IndexEntry:
    """What somebody may know of a machine. `factory` and `factory_name` are None and `machine` is its alias where they may not know whose it is; nor do they see
    a picture then."""

    factory: str | None
    factory_name: str | None
    machine: str
    document: SearchDocument
    picture: PictureOut | None = None

    @property
    def path(self) -> str:
        """Of the machine's page."""
        return f"/machines/{self.factory}/{self.machine}" if self.factory is not None else f"/machines/{self.machine}"

    @property
    def around(self) -> str | None:
        """The town that an anonymous machine stands somewhere around; None of others."""
        return town_around(self.document)

    @property
    def key(self) -> str:
        """What names the machine in a form."""
        return f"{self.factory}/{self.machine}" if self.factory is not None else self.machine


@dataclass(frozen=True)
class IndexedMachine:
    """A machine as its factory and as everybody else knows it."""

    factory: str
    own: IndexEntry
    public: IndexEntry

    def shown_to(self, viewer: str | None) -> IndexEntry:
        return self.own if viewer == self.factory else self.public


MachineIndex: TypeAlias = SearchIndex[tuple[str, str], IndexedMachine]
"""By factory and machine."""


def machine_index() -> MachineIndex:
    return SearchIndex(_read)


def get_machine_index(request: Request) -> MachineIndex:
    return cast("MachineIndex", request.app.state.machine_index)


async def _index(request: Request) -> MachineIndex:
    return get_machine_index(request)


Index = Annotated[MachineIndex, Depends(_index)]


def entry_of(offer: Offer, entries: Mapping[tuple[str, str], IndexedMachine], viewer: str | None) -> IndexEntry:
    """What a viewer may know of the machine of an offer, also where its factory has not described it."""
    known = entries.get((offer.factory, offer.machine))
    if known is not None:
        return known.shown_to(viewer)
    if offer.is_hidden_from(viewer):
        alias = offer.alias or ""
        return IndexEntry(None, None, alias, document_of(public_title(alias), "", MachineDetails()))
    return IndexEntry(offer.factory, offer.factory, offer.machine, document_of(offer.machine, "", MachineDetails()))


def entry_with_details(session: Session, machine: Machine, details: MachineDetails) -> IndexedMachine:
    """What would be known of a machine if its factory described it so."""
    picture = next(iter(shown_pictures(session, [machine.subject]).get(machine.subject, ())), None)
    return _entry(machine, session.get(Organisation, machine.factory), picture, details)


def _read(session: Session) -> dict[tuple[str, str], IndexedMachine]:
    query = select(Machine, Organisation).outerjoin(Organisation, Organisation.id == Machine.factory)
    pictures = shown_pictures(session, select(Machine.subject))
    return {
        (machine.factory, machine.machine): _entry(
            machine, factory, next(iter(pictures.get(machine.subject, ())), None)
        )
        for machine, factory in session.execute(query)
    }


def _entry(
    machine: Machine, factory: Organisation | None, picture: PictureOut | None, described: MachineDetails | None = None
) -> IndexedMachine:
    """`described`: instead of what its factory has said of it."""
    name = factory.name if factory else machine.factory
    details = described or MachineDetails.model_validate(machine.details)
    document = document_of(
        machine.title,
        machine.process,
        details,
        texts=(name,),
        at=factory.degrees if factory else None,
        place=factory.place if factory else "",
    )
    own = IndexEntry(machine.factory, name, machine.machine, document, picture)
    if machine.alias is None:
        return IndexedMachine(machine.factory, own, own)
    names = {machine.factory, machine.machine, machine.title, name, document.place, details.address}
    public = document_of(
        public_title(machine.alias),
        public_process(machine.process, names),
        public_details(details, names),
        at=cell_of(document.at) if document.at is not None else None,
        coarse=True,
    )
    return IndexedMachine(machine.factory, own, IndexEntry(None, None, machine.alias, public))
