"""Rows and pictures of free hours, of which a list has a hundred and more: Python makes them in a fraction of the time that a template takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from sharing_platform.i18n import Translator
from sharing_platform.machines.machine_results import Day
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_order import RankedOffer


@dataclass(frozen=True)
class HoursRow:
    """`window`: the hours that fit best, where they are not all of them; `price`: where it is another one than what is said above the row; `ask`: what the row's
    button says, and `label` to who does not see the row."""

    public_id: str
    start: str
    day: str
    between: str
    length: str
    window: str | None
    price: str | None
    sure: str
    ask: str
    label: str


def hours_row(t: Translator, one: RankedOffer, price: str) -> HoursRow:
    """`price`: what is said of it above."""
    offer, window = one.offer, one.window
    start, end = offer.start, offer.end
    day, own_price, ask = t.day(start), price_said(t, offer), t("ask")
    whole = window.start == start and window.end == end
    return HoursRow(
        public_id=offer.public_id,
        start=start.isoformat(),
        day=day,
        between=t.between(start, end),
        length=t.duration(end - start),
        window=None if whole else t("window_best", period=t.period(window.start, window.end)),
        price=own_price if own_price != price else None,
        sure=sure_said(t, offer, window.probability),
        ask=ask,
        label=f"{ask}{t.colon}{one.entry.document.title}, {day} {t.hour(start)}",
    )


def strip_columns(t: Translator, days: Iterable[Day]) -> list[tuple[str, Markup]]:
    """Of a week, or part of one: each day, and the parts of it that are free as bars of a picture that is 96 wide and 12 high."""
    return [(t.column(day), _bars(spans)) for day, spans in days]


def _bars(spans: Iterable[tuple[float, float]]) -> Markup:
    bars = (
        f'<rect x="{first * 96:.1f}" width="{(last - first) * 96:.1f}" height="12" rx="2"></rect>'
        for first, last in spans
    )
    return Markup("".join(bars))  # noqa: S704 - numbers alone


def price_said(t: Translator, offer: Offer) -> str:
    """An offer's price in a few words."""
    if offer.price_per_hour is None:
        return t("price_agree")
    if offer.timed_prices and offer.lowest_per_hour is not None:
        return t("price_hour_from", price=t.euros(offer.lowest_per_hour))
    return t("price_hour", price=t.euros(offer.price_per_hour))


def sure_said(t: Translator, offer: Offer, probability: float) -> str:
    """How sure hours of an offer are, in a few words."""
    return t("sure_by_hand") if offer.by_hand else t("sure", percent=t.percent(probability))


WORDING = {"hours_row": hours_row, "price_said": price_said, "strip_columns": strip_columns}
"""For templates, by the names that they use."""
