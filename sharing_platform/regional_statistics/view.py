"""What the page of the region shows, read once for every process of the platform: published figures do not change until the next week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from sharing_platform.machines.region_map import region_map
from sharing_platform.regional_statistics import reading
from sharing_platform.regional_statistics.charts import Bands, ShadedMap, Stack, bands, shaded_map, stacked
from sharing_platform.regional_statistics.reading import SHOWN_WEEKS, Balance, Flow, Place
from sharing_platform.regional_statistics.summary import SUPPLY, UNMET, Measure, Subject

LAYERS = ("kept", "free", "lost", "missed")
"""From below: hours that somebody had, those that stayed free, those that were agreed and cancelled, and those that were asked for and not had."""


@dataclass(frozen=True)
class RegionView:
    """`kind`: the process that it is about, None for all. `total`: of that, or of all."""

    kind: str | None
    kinds: Sequence[str]
    first: date
    last: date
    total: Balance
    free_shown: tuple[float, float] | None
    """Of the free hours of all processes: which share is shown by process, and which by area."""
    balances: Sequence[Balance]
    listings: Sequence[Balance]
    offered: ShadedMap
    missed: ShadedMap
    places: Mapping[Place, tuple[int, int]]
    weeks: Sequence[tuple[date, Counter[str]]]
    stack: Stack
    months: Mapping[tuple[int, int], Counter[str]]
    quarter: date | None
    flows: Sequence[Flow]
    bands: Bands

    @property
    def lacking(self) -> list[Balance]:
        return [one for one in self.balances if one.kind and one.lacks]


class ViewCache:
    """The views of the newest week, by process."""

    def __init__(self) -> None:
        self._week: date | None = None
        self._views: dict[str | None, RegionView] = {}

    def view(self, session: Session, kind: str | None) -> RegionView | None:
        """None while nothing is published, and for a process of which nothing is."""
        weeks = reading.published_weeks(session)
        if not weeks:
            return None
        newest = weeks[-1]
        views = self._views if self._week == newest else {}
        if kind not in views:
            found = read_view(session, weeks, kind)
            if found is None:
                return None
            views = {**views, kind: found}
            self._week, self._views = newest, views
        return views[kind]


def read_view(session: Session, weeks: Sequence[date], kind: str | None = None) -> RegionView | None:
    """Maps and tables are of the last season of these weeks, stacked weeks of the last year, months of all."""
    season, shown = weeks[-reading.SEASON :], weeks[-SHOWN_WEEKS:]
    first, last = season[0], season[-1]
    kinds = reading.kinds_of(session, weeks[0], last)
    if kind is not None and kind not in kinds:
        return None
    every = reading.balances(session, Subject.MACHINE, first, last)
    places = reading.by_place(session, first, last, kind)
    offered, missed = (
        {place: sum(sizes[one] for one in measures) for place, sizes in places.items()} for measures in (SUPPLY, UNMET)
    )
    all_weeks = reading.by_week(session, weeks[0], last, kind)
    layered = [layers_of(all_weeks.get(week, Counter())) for week in shown]
    wanted = [one["kept"] + one["lost"] + one["missed"] for one in layered]
    quarter, flows = reading.flows(session, kind=kind)
    return RegionView(
        kind, kinds, first, last, _total(every, kind), reading.shown_shares(session, first, last), every, reading.balances(session, Subject.LISTING, first, last),
        shaded_map(region_map(), offered), shaded_map(region_map(), missed), {place: (offered[place], missed[place]) for place in places},
        list(zip(shown, layered, strict=True)), stacked(shown, {name: [one[name] for one in layered] for name in LAYERS}, reading.trend_of(wanted)),
        reading.months_of({week: layers_of(sizes) for week, sizes in all_weeks.items()}), quarter, flows, bands(flows),
    )  # fmt: skip


def _total(every: Sequence[Balance], kind: str | None) -> Balance:
    sizes: Counter[str] = Counter()
    for one in every:
        if kind is None or one.kind == kind:
            sizes.update(one.sizes)
    return Balance(kind or "", sizes)


def layers_of(sizes: Counter[str]) -> Counter[str]:
    return Counter(
        kept=sizes[Measure.KEPT],
        free=sizes[Measure.FREE],
        lost=sizes[Measure.BROKEN] + sizes[Measure.CANCELLED],
        missed=sizes[Measure.DECLINED] + sizes[Measure.EXPIRED],
    )
