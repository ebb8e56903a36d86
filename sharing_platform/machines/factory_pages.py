"""The page of a factory: what it lets out under its own name, and how it has kept its promises."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError
from sharing_platform.machines.comparison import record_text
from sharing_platform.machines.index import get_machine_index
from sharing_platform.machines.models import Offer
from sharing_platform.machines.visibility import is_open, visible_machines
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.models import Organisation

router = APIRouter(include_in_schema=False)


@router.get("/factories/{factory}")
def get_factory(factory: str, page: Page) -> HTMLResponse:
    """Not of one that lets the visitor see no machine under its name: that it is there at all is nobody's business then."""
    with read_session(page.context.sessions) as session:
        organisation = session.get(Organisation, factory)
        shown = visible_machines(session, get_machine_index(page.request), page.now, page.viewer, factory)
        machines = [(machine, entry) for machine, entry in shown if machine.alias is None]
        if organisation is None or not machines:
            raise NotFoundError
        records = {machine.machine: _record(page, session, factory, machine.machine) for machine, _ in machines}
        return page.render(
            "factory.html",
            factory=organisation,
            machines=[entry for _, entry in machines],
            records=records,
            record=record_text(page.translator, page.context.occupancy.track_record(session, factory)),
        )


def _record(page: PageRequest, session: Session, factory: str, machine: str) -> Sequence[int] | None:
    """How many promises of its hours were checked, and how many of these did not hold, as its newest offers say; None where none was."""
    query = select(Offer.checked, Offer.broken).where(
        is_open(page.now, page.viewer), Offer.factory == factory, Offer.machine == machine, Offer.checked > 0
    )
    return session.execute(query.order_by(Offer.changed.desc(), Offer.id).limit(1)).first()
