"""Pictures of equipment: whose they are, and who may see them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import shown_listing
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pictures.models import Picture
from sharing_platform.pictures.service import Album

KIND = "equipment"
"""People are not shown, and knowledge has no looks."""


def album_of(actor: Actor, listing_id: str) -> Album:
    """Raises NotFoundError when it is looked for, for another's, or for what has no pictures."""
    return Album(listing_id, "listing.pictured", lambda session: own_listing(session, actor, listing_id))


def own_listing(session: Session, actor: Actor, listing_id: str) -> Listing:
    """Raises NotFoundError."""
    found = session.get(Listing, listing_id)
    if found is None or found.organisation_id != actor.organisation or found.kind != KIND:
        raise NotFoundError
    return found


def picture_with(session: Session, listing_id: str, picture_id: str, viewer: str | None) -> Picture:
    """One that the visitor may see. Raises NotFoundError."""
    found = session.get(Picture, picture_id)
    if found is None or found.subject != listing_id:
        raise NotFoundError
    listing = shown_listing(session, listing_id, viewer).listing
    if found.taken_down is not None and listing.organisation_id != viewer:
        raise NotFoundError
    return found
