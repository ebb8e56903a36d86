"""Pages: the filters of a search in words, each with the search without it; and what a search that finds nothing would find without one or two."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams

from sharing_platform.geography import place_name
from sharing_platform.i18n import Translator
from sharing_platform.machines.index import get_machine_index
from sharing_platform.machines.relaxed_search import relaxed_searches
from sharing_platform.organisations.dependencies import PageRequest
from sharing_platform.search.criteria import Wish
from sharing_platform.search.relaxation import used_filters
from sharing_platform.search.vocabulary import process_name


@dataclass(frozen=True)
class Suggestion:
    """What would be found without some filters. `what`: these, as they were set; `query`: the search without them; `more`: there are more than `count`."""

    what: str
    count: int
    more: bool
    query: str


_FORM_FIELDS = {
    "words": ("q",), "day": ("day", "last_day"), "distance": ("within_km",), "price": ("max_price",), "workpiece": ("x", "y", "z"),
}  # fmt: skip
"""Of filters that the form calls otherwise."""


@dataclass(frozen=True)
class Filter:
    """One that narrows the search, by its name: `what` it was set to, and the search without it."""

    name: str
    what: str
    query: str


def filters_set(page: PageRequest, session: Session, asked: QueryParams, wish: Wish, week: bool) -> list[Filter]:
    """What the search understood. `asked`: the fields of the form. The days of the week that is shown are no filter."""
    names = [name for name in used_filters(wish) if not (week and name == "day")]
    return [Filter(name, _filter_said(page, session, wish, name), _query_without(asked, [name])) for name in names]


def _query_without(asked: QueryParams, names: Collection[str]) -> str:
    dropped = {field for name in names for field in _FORM_FIELDS.get(name, (name,))}
    dropped |= {"cursor", "skip", "lang", "done"}
    return urlencode([(key, value) for key, value in asked.multi_items() if value and key not in dropped])


def suggestions(page: PageRequest, session: Session, asked: QueryParams, wish: Wish, week: bool) -> list[Suggestion]:
    """Most first. `asked`: the fields of the form. The days of the week that is shown are no filter."""
    found, index = [], get_machine_index(page.request)
    fixed = ("day",) if week else ()
    for one in relaxed_searches(session, index, wish, page.now, page.context.zone, page.viewer, fixed):
        kept = _query_without(asked, one.without)
        said = [_filter_said(page, session, wish, name) for name in one.without]
        what = said[0] if len(said) == 1 else page.translator("without_both", one=said[0], other=said[1])
        found.append(Suggestion(what, one.count, one.more, kept))
    return found


def _filter_said(page: PageRequest, session: Session, wish: Wish, name: str) -> str:
    """A filter as it was set, in words."""
    t = page.translator
    if name == "machine":
        return _machine_said(page, session, wish)
    said = {
        "words": wish.words,
        "process": process_name(wish.process, page.language),
        "day": _days_said(t, wish),
        "hours": t("filter_hours", hours=t.hours(wish.hours or 0)),
        "distance": t("filter_distance", km=t.plain(wish.within_km or 0), place=place_name(wish.near, page.language)),
        "price": t("filter_price", price=t.euros(wish.max_price_per_hour or Decimal(0))),
        "material": ", ".join(wish.materials),
        "certificate": ", ".join(wish.certificates),
        "workpiece": f"{' × '.join(t.plain(side) for side in wish.workpiece_mm or ())} mm",
        "axes": t("reason_axes", value=wish.axes or 0),
        "tolerance": t("reason_tolerance", value=wish.tolerance_mm),
        "load": t("reason_load", value=wish.load_kg),
        "operator": t(f"operator_{wish.operator or 'included'}"),
    }
    return said[name]


def _days_said(t: Translator, wish: Wish) -> str:
    first, last = wish.first_day or wish.last_day, wish.last_day or wish.first_day
    if first is None or last is None:
        return t("day")
    return t.date(first) if first == last else f"{t.date(first)} – {t.date(last)}"


def _machine_said(page: PageRequest, session: Session, wish: Wish) -> str:
    entries = get_machine_index(page.request).entries(session).values()
    shown = (entry.shown_to(page.viewer) for entry in entries)
    wanted = f"{wish.factory}/{wish.machine}" if wish.factory else wish.machine
    return next((entry.document.title for entry in shown if entry.key == wanted), page.translator("machine"))
