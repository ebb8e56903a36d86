"""Identity providers that are linked to one's account. Linking and signing in are for browsers: see `identity_pages`."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations import identity_service
from sharing_platform.organisations.dependencies import Person
from sharing_platform.organisations.schemas import IdentitiesOut, IdentityOut
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.get("/account/identities", responses=problems(401))
def get_identities(person: Person, session: ReadSession) -> IdentitiesOut:
    """The identity providers of organisations with which the caller signs in."""
    names = IdentityOut.model_fields
    found = identity_service.of_account(session, person.account.id)
    return IdentitiesOut.model_validate({"identities": [{name: getattr(one, name) for name in names} for one in found]})


@router.delete("/account/identities/{identity_id}", status_code=204, responses=problems(401, 404))
def delete_identity(identity_id: Uuid, person: Person, context: Context) -> None:
    """The provider lets nobody into this account any more. Sessions go on."""
    identity_service.remove(context, person, identity_id)
