"""The first page: free hours, as a list or a week."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from sharing_platform.database import reading
from sharing_platform.errors import InvalidError
from sharing_platform.finding import search
from sharing_platform.finding.search import Found
from sharing_platform.finding.vocabulary import BY_CODE, BY_NAME
from sharing_platform.finding.wish import Wish
from sharing_platform.pages.shown import Showing, Shown, lines, number

router = APIRouter(include_in_schema=False)

MAX_SHOWN = 100
_WEEK_SHOWN = 300


@router.get("/")
def get_offers(show: Showing) -> HTMLResponse:
    return listing_page(show, "offers.html")


@router.get("/parts/machines")
def get_machines_part(show: Showing) -> HTMLResponse:
    return listing_page(show, "machines_part.html")


@router.get("/parts/offers")
def get_offers_part(show: Showing) -> HTMLResponse:
    return listing_page(show, "offers_part.html")


def listing_page(show: Shown, template: str, status: int = 200, notice: str | None = None) -> HTMLResponse:
    """The list, or the week; with what is wrong with the search, if something is."""
    asked = show.request.query_params
    wish, problems = wish_of(show)
    week, sort = asked.get("view") == "week", "fit" if asked.get("sort") == "fit" else "start"
    first_day = _first_day(show, asked.get("week"))
    if week:
        wish = wish.model_copy(update={"first_day": first_day, "last_day": first_day + timedelta(days=6)})
    with reading(show.context.sessions) as session:
        machines = {(one.factory, one.machine): one for one in search.all_machines(session)}
        try:
            page = search.find(
                session, show.context.catalogue, search.ready(wish), show.now, show.context.zone, show.viewer,
                _WEEK_SHOWN if week else MAX_SHOWN, "fit" if sort == "fit" and not week else "start",
                asked.get("cursor") if not week else None,
            )  # fmt: skip
        except InvalidError as error:
            problems[error.field] = error.code
            page = search.Page([], None)
    kept = [
        (key, value) for key, value in asked.multi_items() if key not in ("cursor", "lang", "week", "done") and value
    ]
    used = [key for key, _ in kept if key not in ("view", "sort")]
    return show.page(
        template,
        status,
        machines=machines,
        found=page.found,
        further=urlencode([*kept, ("cursor", page.next)]) if page.next else None,
        days=_week(show, page.found, first_day) if week else None,
        first_day=first_day,
        earlier=urlencode([*kept, ("week", str(first_day - timedelta(days=7)))]),
        later=urlencode([*kept, ("week", str(first_day + timedelta(days=7)))]),
        as_list=urlencode([one for one in kept if one[0] != "view"]),
        as_week=urlencode([*(one for one in kept if one[0] != "view"), ("view", "week")]),
        saveable=urlencode(kept),
        more_used=bool(set(used) - {"q", "machine", "process", "day", "hours"}),
        filtered=bool(used),
        sort=sort,
        week=week,
        given=asked,
        problems=problems,
        notice=notice,
        other_processes=sorted(_unlisted({one.process for one in machines.values()})),
    )


def wish_of(show: Shown) -> tuple[Wish, dict[str, str]]:
    """What the form asks for; what in it cannot be understood is left out, and said."""
    asked = show.request.query_params
    factory, _, machine = asked.get("machine", "").partition("/")
    sides = [number(asked.get(name)) for name in ("x", "y", "z")]
    fields: dict[str, Any] = {
        "words": asked.get("q"), "factory": factory, "machine": machine, "process": asked.get("process"),
        "first_day": asked.get("day"), "last_day": asked.get("last_day"), "hours": number(asked.get("hours")),
        "near": asked.get("near"), "within_km": number(asked.get("within_km")), "axes": asked.get("axes"),
        "max_price_per_hour": number(asked.get("max_price")), "operator": asked.get("operator"),
        "materials": lines(asked.get("material")), "certificates": lines(asked.get("certificate")),
        "workpiece_mm": sides if all(sides) else None,
    }  # fmt: skip
    fields = {name: value for name, value in fields.items() if value}
    if "first_day" in fields and "last_day" not in fields:
        fields["last_day"] = fields["first_day"]
    problems: dict[str, str] = {}
    while True:
        try:
            return Wish.model_validate(fields), problems
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            problems[name] = "field"
            del fields[name]


def _unlisted(processes: set[str]) -> set[str]:
    """What factories call processes that the vocabulary does not know."""
    return {one for one in processes if one and one not in BY_CODE and one.casefold() not in BY_NAME}


def _first_day(show: Shown, asked: str | None) -> date:
    """Of the seven that are shown: today, where none is asked for. On a Friday nobody looks for last Monday."""
    today = show.now.astimezone(ZoneInfo(show.context.zone)).date()
    try:
        day = date.fromisoformat(asked or "")
    except ValueError:
        day = today
    if not today - timedelta(days=366) < day < today + timedelta(days=366):
        day = today
    return day


def _week(show: Shown, found: list[Found], first_day: date) -> list[tuple[date, list[tuple[Found, float, float]]]]:
    by_id = {one.offer.id: one for one in found}
    days = search.week_of([one.offer for one in found], first_day, show.context.zone)
    return [(day, [(by_id[offer.id], first, last) for offer, first, last in spans]) for day, spans in days]
