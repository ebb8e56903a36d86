"""Handlers for events of the domains below. `app.py` subscribes them."""

from __future__ import annotations

from sqlalchemy import func, select, update

from sharing_platform.errors import ConflictError
from sharing_platform.federation.asking import FORGET, SAID
from sharing_platform.federation.forwarding import OVER, Asked
from sharing_platform.federation.models import ForwardedRequest
from sharing_platform.organisations.events import AccountErasing, OrganisationRefused, PersonalDataRequested
from sharing_platform.organisations.personal_data import ERASED_NAME, rows_of


def cancel_requests(event: OrganisationRefused) -> None:
    """The region no longer vouches for it: what it waits for elsewhere is cancelled. What is agreed stays agreed."""
    waiting = update(ForwardedRequest).where(
        ForwardedRequest.organisation_id == event.organisation.id,
        ForwardedRequest.state.in_((Asked.ASKING, Asked.HELD)),
    )
    event.session.execute(waiting.values(state=Asked.CANCELLING))


def erase_person(event: AccountErasing) -> None:
    """What they wrote is gone here, and their address over there. Raises ConflictError while a request waits or its hours are to come, on which somebody relies."""
    own = ForwardedRequest.account_id == event.account.id
    if event.session.scalar(select(func.count()).where(own, ForwardedRequest.state.not_in(OVER))):
        raise ConflictError("bookings_open")
    event.session.execute(update(ForwardedRequest).where(own).values(message=ERASED_NAME))
    told = own & (ForwardedRequest.contact == SAID)
    event.session.execute(update(ForwardedRequest).where(told).values(contact=FORGET))


def export_person(event: PersonalDataRequested) -> None:
    event.sections["requests_in_neighbouring_regions"] = rows_of(
        event.session, ForwardedRequest, event.account, "id", "title", "start", "end", "message", "state", "asked"
    )
