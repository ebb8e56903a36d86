"""Particulars of an organisation: changed by its people, or given anew when it applies again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotAllowedError
from sharing_platform.geography import place_named
from sharing_platform.organisations import directory
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.events import OrganisationChanged
from sharing_platform.organisations.identifiers import BELGIUM, identifier_of
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, ASKED, REFUSED, Actor, Role
from sharing_platform.organisations.schemas import ApplicationIn, OrganisationIn

MOST_APPLICATIONS = 5
"""Of one organisation: who is refused so often writes to the region."""


def put_organisation(context: PlatformContext, actor: Actor, wanted: OrganisationIn) -> Organisation:
    """Raises InvalidError for half a location and for a number that is missing or wrong; of an organisation that is approved, also for a new name that is nearly another's, and another's number."""
    with context.sessions.begin() as session, number_of_one():
        organisation = session.get_one(Organisation, actor.organisation, with_for_update=True)
        _put_particulars(context, session, organisation, wanted)
        log(session, context.now(), actor, "organisation.changed", organisation.id)
    context.live.publish("machines", organisation.id)
    return organisation


def _put_particulars(
    context: PlatformContext, session: Session, organisation: Organisation, wanted: OrganisationIn
) -> None:
    identifier = identifier_of(wanted.country, wanted.enterprise_number, wanted.vat)
    known = organisation.identifier or organisation.claimed
    if identifier is None and known is not None and wanted.country in ("", BELGIUM):
        raise InvalidError("enterprise_number_missing", "enterprise_number")
    renamed = wanted.name != organisation.name and organisation.status == APPROVED
    if renamed and directory.bears_name(session, wanted.name, organisation.id):
        raise InvalidError("name_taken", "name")
    organisation.country = BELGIUM if wanted.enterprise_number else wanted.country
    directory.set_identifier(session, organisation, identifier)
    organisation.name, organisation.vat, organisation.place, organisation.address = (
        wanted.name,
        wanted.vat,
        wanted.place,
        wanted.address,
    )
    place = place_named(wanted.place) if wanted.place and wanted.latitude is None else None
    latitude = place.latitude if place else wanted.latitude
    directory.set_location(organisation, latitude, place.longitude if place else wanted.longitude)
    context.events.publish(OrganisationChanged(session, organisation))


def apply_again(context: PlatformContext, actor: Actor, wanted: ApplicationIn) -> Organisation:
    """By an owner of an organisation that the region has refused, with its particulars as they should be. Raises what `put_organisation` raises, ConflictError for one that was not
    refused or has applied often enough, NotAllowedError for others of its people."""
    with context.sessions.begin() as session, number_of_one():
        organisation = session.get_one(Organisation, actor.organisation, with_for_update=True)
        if organisation.status != REFUSED:
            raise ConflictError("not_refused")
        if actor.role is not Role.OWNER:
            raise NotAllowedError("role")
        if organisation.applications >= MOST_APPLICATIONS:
            raise ConflictError("too_many_applications")
        _put_particulars(context, session, organisation, wanted)
        organisation.status, organisation.announced = ASKED, None
        organisation.applications += 1
        organisation.application = wanted.text
        log(session, context.now(), actor, "organisation.applied_again", organisation.id)
    context.live.publish("offers", organisation.id)
    context.wake_workers()
    return organisation


@contextmanager
def number_of_one() -> Iterator[None]:
    """Two that give the same number at the same moment: the database takes one."""
    try:
        yield
    except IntegrityError as error:
        if "identifier" not in str(error.orig):
            raise
        raise InvalidError("number_known", "enterprise_number") from error
