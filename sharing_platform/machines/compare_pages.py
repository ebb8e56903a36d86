"""The page that shows up to four machines side by side."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError
from sharing_platform.machines.comparison import MAX_COMPARED, Compared, comparison
from sharing_platform.machines.index import IndexEntry, get_machine_index
from sharing_platform.machines.machine_results import MAX_OFFERS, free_by_day
from sharing_platform.machines.offer_order import Key, RankedOffer
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.machines.visibility import visible_machines
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.search.criteria import Wish
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.ranking import prepare_criteria, rank
from sharing_platform.search.vocabulary import process_name

router = APIRouter(include_in_schema=False)

_ASKED = ("day", "last_day", "hours", "near")
"""Of a search, what bears on each machine alike; the other filters have done their work once somebody has chosen."""


@router.get("/compare")
def get_comparison(page: Page) -> HTMLResponse:
    """The machines named in the address, in that order. Those that the visitor may not know of, or no longer, are left out."""
    asked = fields_of(page)
    wish, _ = wish_of_form(QueryParams([(name, asked[name]) for name in _ASKED if asked.get(name)]))
    with read_session(page.context.sessions) as session:
        machines = _compared(page, session, asked.getlist("with"), wish)
    search = [(key, value) for key, value in asked.multi_items() if value and key not in ("with", "lang", "skip")]
    chosen = [one.entry.key for one in machines]

    def query(keys: list[str]) -> str:
        return urlencode([*search, *(("with", key) for key in keys)])

    return page.render(
        "compare.html",
        machines=machines,
        rows=comparison(machines, wish.hours, page.translator, process_name),
        left_out=len(set(asked.getlist("with"))) > len(machines),
        most=MAX_COMPARED,
        back=query(chosen),
        without={key: query([one for one in chosen if one != key]) for key in chosen},
        chosen=urlencode([(name, asked[name]) for name in ("day", "hours") if asked.get(name)]),
        wish=wish,
    )


def _compared(page: PageRequest, session: Session, keys: list[str], wish: Wish) -> list[Compared]:
    index, zone = get_machine_index(page.request), page.context.zone
    known = {
        entry.key: ((machine.factory, machine.machine), entry)
        for machine, entry in visible_machines(session, index, page.now, page.viewer)
    }
    chosen = [known[key] for key in dict.fromkeys(keys) if key in known][:MAX_COMPARED]
    if not chosen:
        return []
    own = [key for key, _ in chosen]
    today = page.now.astimezone(ZoneInfo(zone)).date()
    first_day = max(wish.first_day or today, today)

    def found(what: Wish) -> list[RankedOffer]:
        criteria = prepare_criteria(what)
        return find_offers(
            session, index, criteria, page.now, zone, page.viewer, MAX_OFFERS, "start", machines=own
        ).found

    week = found(Wish(first_day=first_day, last_day=first_day + timedelta(days=6)))
    best: dict[Key, RankedOffer] = {}
    for one in found(Wish(first_day=wish.first_day, last_day=wish.last_day, hours=wish.hours)):
        best.setdefault((one.offer.factory, one.offer.machine), one)
    compared = []
    for key, entry in chosen:
        offers = [one.offer for one in week if (one.offer.factory, one.offer.machine) == key]
        record = page.context.occupancy.track_record(session, entry.factory) if entry.factory is not None else None
        days = free_by_day(offers, first_day, zone)
        compared.append(Compared(entry, best.get(key), days, _distance(entry, wish), record))
    return compared


def _distance(entry: IndexEntry, wish: Wish) -> float | None:
    """In km from the place asked for; None where there is none that is known."""
    try:
        ranking = rank(prepare_criteria(Wish(near=wish.near)), entry.document) if wish.near else None
    except InvalidError:
        return None
    return ranking.distance if ranking is not None else None
