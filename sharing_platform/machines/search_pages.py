"""The first page: free hours, as a list or a week."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError
from sharing_platform.machines.comparison import MAX_COMPARED
from sharing_platform.machines.index import IndexEntry, get_machine_index
from sharing_platform.machines.live_pages import quarter_number
from sharing_platform.machines.machine_results import (
    MAX_OFFERS,
    MAX_SHOWN,
    OFFERS_EACH,
    machine_results,
    machines_in_order,
)
from sharing_platform.machines.no_results import filters_set, suggestions
from sharing_platform.machines.offer_order import RankedOffer, Sort
from sharing_platform.machines.offer_search import find_offers, find_places, offers_of_machines
from sharing_platform.machines.region_map import map_of, region_map
from sharing_platform.machines.service import state_shown
from sharing_platform.machines.shared_pages import get_shared_pages, machines_seen, shared_page
from sharing_platform.machines.visibility import VisibleMachine, machines_of
from sharing_platform.machines.week import offers_by_day
from sharing_platform.machines.windows import quarter_of
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.neighbours import INCLUDED, NeighbourHit, get_neighbour_search
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.search.vocabulary import known_process

router = APIRouter(include_in_schema=False)

_FIRST_BATCH, _BATCH = 60, 250
"""Offers that are looked through for machines. In order of their start, the first are mostly of different machines."""
_WEEK_SHOWN = 300
_MACHINES, _MACHINES_SHOWN = "machines", 48
"""The query parameter that asks for the states of all machines, and how many are shown otherwise."""
_CHOOSABLE = 150
"""More machines than that nobody looks through to choose one: words find it."""
_MOST_SKIPPED = 10_000
_IN_SIGHT = frozenset({"words", "process", "day", "hours"})
"""Filters whose fields wide screens do not fold away."""


async def _turn(request: Request) -> AsyncIterator[None]:
    async with get_shared_pages(request).turns:
        yield


_Turn = Depends(_turn, scope="function")


@router.get("/", dependencies=[_Turn])
def get_offers(page: Page) -> HTMLResponse:
    return _shared_listing(page, "offers.html")


@router.get("/parts/machines", dependencies=[_Turn])
def get_machines_part(page: Page) -> HTMLResponse:
    answer, _ = shared_page(page, _machines_part)
    return answer


def _machines_part(page: PageRequest) -> tuple[HTMLResponse, None]:
    with read_session(page.context.sessions) as session:
        machines = machines_seen(page, session)
    return page.render("machines_part.html", **_machines_now(page, machines)), None


@router.get("/parts/offers", dependencies=[_Turn])
def get_offers_part(page: Page) -> HTMLResponse:
    """The list or the week alone. Where the filter asks for it, the address follows, so that a copied link, a reload and another language show the same."""
    answer = _shared_listing(page, "offers_part.html")
    if page.by_script:
        kept = [(key, value) for key, value in page.request.query_params.multi_items() if value and key != "lang"]
        answer.headers["HX-Push-Url"] = f"/?{urlencode(kept)}" if kept else "/"
    return answer


def _shared_listing(page: PageRequest, template: str) -> HTMLResponse:
    answer, found_nothing = shared_page(page, lambda shared: _listing(shared, template))
    _count_search(page, found_nothing)
    return answer


@dataclass(frozen=True)
class ListInstead:
    """The list is shown instead of what is not there (`missing`) or not free any more (`taken`)."""

    notice: str
    status: int = 404


async def page_or_list(page: PageRequest, make: Callable[[], Response | ListInstead]) -> Response:
    """What `make` makes in a thread; a list instead of it waits for its turn as every other one."""
    made = await run_in_threadpool(make)
    if isinstance(made, Response):
        return made
    async with get_shared_pages(page.request).turns:
        return await run_in_threadpool(_list_instead, page, made)


def _list_instead(page: PageRequest, instead: ListInstead) -> HTMLResponse:
    answer, found_nothing = _listing(page, "offers.html", instead.status, instead.notice)
    _count_search(page, found_nothing)
    return answer


def _count_search(page: PageRequest, found_nothing: PreparedCriteria | None) -> None:
    if found_nothing is not None:
        page.context.events.publish(SearchFoundNothing(found_nothing, page.visitor, page.now))


def _listing(
    page: PageRequest, template: str, status: int = 200, notice: str | None = None
) -> tuple[HTMLResponse, PreparedCriteria | None]:
    """With the search, where it found nothing."""
    asked = fields_of(page, of_machines=True)
    wish, problems = wish_of_form(asked)
    week, sort = asked.get("view") == "week", _sort_of(asked.get("sort"))
    first_day = _first_day(page, asked.get("week"))
    skip = _skip_of(asked.get("skip"))
    if week:
        wish = wish.model_copy(update={"first_day": first_day, "last_day": first_day + timedelta(days=6)})
    beyond: list[NeighbourHit] | None = None
    neighbours = get_neighbour_search(page.request)
    with read_session(page.context.sessions) as session:
        index = get_machine_index(page.request)
        regions = neighbours.regions(session, page.now)
        filters = filters_set(page, session, asked, wish, week)
        # The list alone says nothing of machines that are not found.
        whole = template == "offers.html"
        machines = machines_seen(page, session) if whole else []
        try:
            criteria = prepare_criteria(wish)
            if sort == "distance" and criteria.origin is None:
                problems["near"], sort = "near_what", "start"

            asks = (session, index, criteria, page.now, page.context.zone, page.viewer)

            if week:
                found, machine_rows, further = find_offers(*asks, _WEEK_SHOWN).found, [], False
            else:
                possible = machines_of(session, wish.factory, page.now, page.viewer) if wish.factory else None
                first = _FIRST_BATCH if sort == "start" and not skip else _BATCH
                best, further = machines_in_order(
                    lambda cursor: find_places(*asks, _BATCH if cursor else first, sort, cursor),
                    skip,
                    MAX_SHOWN,
                    possible,
                )
                offers = offers_of_machines(*asks, best, MAX_OFFERS, OFFERS_EACH)
                machine_rows = machine_results(offers, wish.first_day or first_day, page.context.zone)
                found = [one.best for one in machine_rows]
            if regions and asked.get(INCLUDED) == "yes" and not skip:
                beyond = neighbours.find(session, criteria, page.now, page.context.zone, ("machine",))
            relaxed = [] if found else suggestions(page, session, asked, wish, week)
            nothing = criteria if not found and not skip else None
        except InvalidError as error:
            problems[error.field] = error.code
            found, machine_rows, further, relaxed, nothing = [], [], False, [], None
    kept = [
        (key, value)
        for key, value in asked.multi_items()
        if key not in ("skip", "lang", "week", "done", _MACHINES) and value
    ]
    used = [key for key, _ in kept if key not in ("view", "sort", "with", INCLUDED)]
    compared, shown = asked.getlist("with")[:MAX_COMPARED], {one.entry.key for one in machine_rows}
    shows_region = whole and not used and not week
    answer = page.render(
        template,
        status,
        **_machines_now(page, machines),
        choosable=_choosable([entry for _, entry in machines], asked.get("machine")),
        quarter=quarter_number(quarter_of(page.now)),
        map=map_of((entry.document for _, entry in machines), region_map()) if shows_region else None,
        found=found,
        results=machine_rows,
        wish_hours=wish.hours,
        filters=filters,
        relaxed=relaxed,
        regions=regions,
        beyond=beyond,
        further=urlencode([*kept, ("skip", skip + MAX_SHOWN)]) if further else None,
        days=_week(page, found, first_day) if week else None,
        first_day=first_day,
        earlier=urlencode([*kept, ("week", str(first_day - timedelta(days=7)))]),
        later=urlencode([*kept, ("week", str(first_day + timedelta(days=7)))]),
        as_list=urlencode([parameter for parameter in kept if parameter[0] != "view"]),
        as_week=urlencode([*(parameter for parameter in kept if parameter[0] != "view"), ("view", "week")]),
        saveable=urlencode([one for one in kept if one[0] != "with"]),
        compared=compared,
        compared_elsewhere=[key for key in compared if key not in shown],
        compare_for=[one for one in kept if one[0] not in ("with", "view")],
        chosen=urlencode([(key, value) for key, value in kept if key in ("day", "hours")]),
        beside_words=sum(one.name != "words" for one in filters),
        folded_used=sum(one.name not in _IN_SIGHT for one in filters),
        follows=page.by_script,
        filtered=bool(used),
        sort=sort,
        week=week,
        given=asked,
        problems=problems,
        notice=notice,
        other_processes=sorted(_unlisted({entry.document.process for _, entry in machines})),
    )
    return answer, nothing


def _machines_now(page: PageRequest, machines: list[tuple[VisibleMachine, IndexEntry]]) -> dict[str, Any]:
    """What the list of machines shows: the first of many, and all of them for who asks."""
    everything = page.request.query_params.get(_MACHINES) == "all"
    shown = machines if everything else machines[:_MACHINES_SHOWN]
    states = [(entry, state_shown(machine, page.viewer, page.now)) for machine, entry in shown]
    return {"machines": states, "machine_count": len(machines)}


def _choosable(machines: list[IndexEntry], chosen: str | None) -> list[IndexEntry]:
    """All of a few, of many the chosen one."""
    if len(machines) <= _CHOOSABLE:
        return machines
    return [entry for entry in machines if entry.key == chosen] if chosen else []


def _skip_of(asked: str | None) -> int:
    return min(int(asked), _MOST_SKIPPED) if asked is not None and asked.isdecimal() and len(asked) < 9 else 0


def _sort_of(asked: str | None) -> Sort:
    return asked if asked in get_args(Sort) else "start"  # type: ignore[return-value]  # it is one of them


def _unlisted(processes: set[str]) -> set[str]:
    """Names of processes that are not in the vocabulary."""
    return {process for process in processes if process and known_process(process) is None}


def _first_day(page: PageRequest, asked: str | None) -> date:
    """The first of the seven days shown; today by default."""
    today = page.now.astimezone(ZoneInfo(page.context.zone)).date()
    try:
        day = date.fromisoformat(asked or "")
    except ValueError:
        day = today
    if not today - timedelta(days=366) < day < today + timedelta(days=366):
        day = today
    return day


def _week(
    page: PageRequest, found: list[RankedOffer], first_day: date
) -> list[tuple[date, list[tuple[RankedOffer, float, float]]]]:
    by_id = {result.offer.id: result for result in found}
    days = offers_by_day([result.offer for result in found], first_day, page.context.zone)
    return [(day, [(by_id[offer.id], first, last) for offer, first, last in spans]) for day, spans in days]
