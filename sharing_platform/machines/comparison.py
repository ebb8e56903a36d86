"""Machines side by side: what each is and can do, what the hours asked for cost, and which of that differs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sharing_platform.geography import place_name
from sharing_platform.i18n import Translator
from sharing_platform.machines.choices import price_of
from sharing_platform.machines.hours_row import price_said, sure_said
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.machine_results import Day
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.occupancy import TrackRecord

MAX_COMPARED = 4


@dataclass(frozen=True)
class Compared:
    """A machine with what the reader may know of it. `best`: the first hours that fit what was asked for, None where none do; `days`: its week, each day with the
    parts of it (0 to 1) that are free; `distance` in km, None where it was not asked for or is not known; `record`: its factory's."""

    entry: IndexEntry
    best: RankedOffer | None
    days: Sequence[Day]
    distance: float | None
    record: TrackRecord | None

    def price(self, hours: float | None) -> Decimal | None:
        """Of the hours asked for; None where none were asked for, none fit or the price is to be agreed."""
        if self.best is None or not hours:
            return None
        start = self.best.window.start
        return price_of(self.best.offer, start, start + timedelta(hours=hours))


@dataclass(frozen=True)
class Term:
    """One of the things that are said of a machine. `shared`: whether it is said of all of them."""

    text: str
    shared: bool


@dataclass(frozen=True)
class Row:
    """What is said of each machine. `name`: the text that names the row; `differs`: whether not the same is said of all."""

    name: str
    cells: Sequence[Sequence[Term]]

    @property
    def differs(self) -> bool:
        return (
            any(not term.shared for cell in self.cells for term in cell) or len({bool(cell) for cell in self.cells}) > 1
        )


def free_hours(days: Sequence[Day]) -> timedelta:
    """How much of these days is free. Parts of a day may overlap, and days of which the clock is changed count as 24 hours."""
    total = 0.0
    for _, spans in days:
        reached = 0.0
        for first, last in sorted(spans):
            total += max(0.0, last - max(first, reached))
            reached = max(reached, last)
    return timedelta(minutes=round(total * 24 * 60))


def comparison(
    machines: Sequence[Compared], hours: float | None, t: Translator, process_name: Callable[[str, str], str]
) -> list[Row]:
    """In the reader's language; without rows in which nothing is said of any machine."""
    said = [_said(one, hours, t, process_name) for one in machines]
    rows = [_row(name, [texts[name] for texts in said]) for name in said[0]] if said else []
    return [row for row in rows if any(row.cells)]


def _row(name: str, texts: Sequence[Sequence[str]]) -> Row:
    everywhere = {text.casefold() for text in texts[0]}.intersection(*({one.casefold() for one in of} for of in texts))
    return Row(name, [[Term(text, text.casefold() in everywhere) for text in of] for of in texts])


def _said(
    one: Compared, hours: float | None, t: Translator, process_name: Callable[[str, str], str]
) -> dict[str, list[str]]:
    document, details, best = one.entry.document, one.entry.document.details, one.best
    size = details.envelope_mm
    found = {
        "price": _price(one, hours, t),
        "sureness": [sure_said(t, best.offer, best.window.probability)] if best else [],
        "record_title": _record(best, t) if best else [],
        "first_free": [t.period(best.window.start, best.window.end)] if best else [t("nothing_free")],
        "free_this_week": [t.duration(free_hours(one.days))],
        "distance": [t("km", km=t.number(one.distance))] if one.distance is not None else [],
        "process": [process_name(document.process, t.language)] if document.process else [],
        "workpiece": [f"{' × '.join(t.plain(side) for side in size)} mm"] if size else [],
        "axes": [str(details.axes)] if details.axes else [],
        "materials": list(details.materials),
        "tolerance": [f"± {t.plain(details.tolerance_mm)} mm"] if details.tolerance_mm else [],
        "table_load": [f"{t.plain(details.table_load_kg)} kg"] if details.table_load_kg else [],
        "certificates": list(details.certificates),
        "included": list(details.included),
        "operator": [t(f"operator_{best.offer.operator}")] if best else [],
        "rules": [t(f"booking_{best.offer.booking}")] if best else [],
        "factory": [_factory(one.entry, t)],
    }
    found["factory_record"] = [record_text(t, one.record)] if one.record is not None else []
    return found


def _factory(entry: IndexEntry, t: Translator) -> str:
    said = entry.factory_name or t("factory_not_said")
    return f"{said}, {t('around', place=place_name(entry.around, t.language))}" if entry.around is not None else said


def record_text(t: Translator, record: TrackRecord) -> str:
    text = t("factory_record_text", kept=record.kept, cancelled=record.cancelled)
    return f"{text}, {t('factory_record_not_free', count=record.not_free)}" if record.not_free else text


def _price(one: Compared, hours: float | None, t: Translator) -> list[str]:
    if one.best is None:
        return []
    whole, by_hour = one.price(hours), price_said(t, one.best.offer)
    if whole is None or hours is None:
        return [by_hour]
    return [f"{t.euros(whole)} {t('price_for', hours=t.hours(hours))}", by_hour]


def _record(best: RankedOffer, t: Translator) -> list[str]:
    offer = best.offer
    if offer.by_hand:
        return [t("by_hand_record")]
    return [t("record", broken=offer.broken, checked=offer.checked) if offer.checked else t("record_none")]
