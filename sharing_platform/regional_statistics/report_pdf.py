"""A year of the region as a document: what the page shows, of the weeks of that year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.machines.region_map import region_map
from sharing_platform.regional_statistics import reading
from sharing_platform.regional_statistics.areas import areas
from sharing_platform.regional_statistics.charts import AreaShape, ShadedMap, Stack, shaded_map, stacked
from sharing_platform.regional_statistics.dictionary import kind_name
from sharing_platform.regional_statistics.reading import Balance, Flow
from sharing_platform.regional_statistics.summary import SUPPLY, UNMET, Subject, last_day_of
from sharing_platform.regional_statistics.view import LAYERS, layers_of

if TYPE_CHECKING:
    from sharing_platform.agreements.pdf import Document

_COLOURS = {"kept": (11, 83, 69), "free": (168, 220, 199), "lost": (125, 143, 133), "missed": (213, 94, 0)}
_SUPPLY = ("#eaefeb", "#d3ece1", "#a8dcc7", "#6fc3a4", "#2f9e7d", "#0b5345")
_LACK = ("#eaefeb", "#fde3d3", "#f8bf9a", "#ee965f", "#d55e00", "#8a3a00")
_WIDE, _HIGH = 170.0, 50.0
_MAP_WIDE = 80.0


def report_pdf(session: Session, year: int, t: Translator, now: datetime, url: str) -> bytes:
    """Raises NotFoundError where nothing of the year is published. `url`: where the figures can be looked up."""
    from sharing_platform.agreements.pdf import Document  # a sixth of the platform's start, for who asks for a document

    first, last = reading.weeks_of_year(year)
    weeks = [week for week in reading.published_weeks(session) if first <= week <= last]
    if not weeks:
        raise NotFoundError
    title = t("yearly_report_title", year=year)
    document = Document(title, t.language, now, t("embedded_source", url=f"{url}/region"))
    document.heading(title, 24)
    document.paragraph(t("yearly_report_weeks", count=len(weeks), first=t.date(weeks[0]), last=t.date(last_day_of(weeks[-1]))), soft=True)  # fmt: skip
    machines = reading.balances(session, Subject.MACHINE, first, last)
    _summary(document, t, machines)
    _maps(document, t, session, first, last)
    _weeks(document, t, session, weeks)
    _table(document, t, t("figures_lack"), t("process"), machines, t("other_processes"), hours=True)
    _table(document, t, t("figures_listings"), t("kind"), reading.balances(session, Subject.LISTING, first, last), t("other_kinds"), hours=False)  # fmt: skip
    _flows(document, t, [flow for quarter in reading.quarters_of(weeks) for flow in reading.flows(session, quarter)[1]])
    document.section(t("figures_data"))
    document.paragraph(t("figures_protected"))
    return document.content()


def _summary(document: Document, t: Translator, machines: Sequence[Balance]) -> None:
    sizes: Counter[str] = Counter()
    for one in machines:
        sizes.update(one.sizes)
    total = Balance("", sizes)
    document.facts(
        [
            (t("layer_offered"), t("hours", hours=t.whole(total.offered))),
            (t("layer_kept"), t("hours", hours=t.whole(total.of("kept")))),
            (t("layer_missed"), t("hours", hours=t.whole(total.missed))),
            (t("figures_searched"), t.whole(total.of("searched"))),
        ]
    )
    lacking = [kind_name(t, one.kind) for one in machines if one.kind and one.lacks]
    if lacking:
        document.ln(2)
        document.paragraph(t("figures_lack_said", what=", ".join(lacking)))


def _maps(document: Document, t: Translator, session: Session, first: date, last: date) -> None:
    places = reading.by_place(session, first, last)
    document.section(t("figures_where"))
    top = document.get_y()
    lowest, shown = top, list[tuple[str, list[AreaShape]]]()
    for x, measures, title, shades in ((20.0, SUPPLY, t("layer_offered"), _SUPPLY), (110.0, UNMET, t("layer_missed"), _LACK)):  # fmt: skip
        drawn = shaded_map(region_map(), {place: sum(sizes[one] for one in measures) for place, sizes in places.items()})  # fmt: skip
        lowest = max(lowest, _map(document, t, drawn, x, top, title, shades))
        shown.append((title, [one for one in drawn.areas if one.size]))
    document.set_y(lowest)
    # Names are longer than most areas are wide here.
    for title, named in shown:
        if named:
            said = (f"{areas()[one.code][t.language]} {t.whole(one.size)}" for one in sorted(named, key=lambda one: -one.size))  # fmt: skip
            document.paragraph(f"{title}{t.colon}{', '.join(said)}")
    document.paragraph(f"–{t.colon}{t('not_shown_few')}")


def _map(
    document: Document, t: Translator, drawn: ShadedMap, x: float, y: float, title: str, shades: Sequence[str]
) -> float:
    """Returns where it ends."""
    document.set_xy(x, y)
    document.cell(_MAP_WIDE, 6, title, align="C")
    scale = _MAP_WIDE / drawn.region.width
    paths = "".join(
        f'<path d="{one.path}" fill="{shades[area.shade]}" stroke="#ffffff"/>'
        for area in drawn.areas
        for one in area.municipalities
    )
    size = f"0 0 {drawn.region.width} {drawn.region.height}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" width="{drawn.region.width}" height="{drawn.region.height}">{paths}</svg>'
    document.image(svg.encode(), x=x, y=y + 7, w=_MAP_WIDE, alt_text=title)
    for area in drawn.areas:
        document.set_xy(x + area.x * scale - 10, y + 7 + area.y * scale - 4)
        document.set_text_color(*((255, 255, 255) if area.shade > 3 else (20, 36, 28)))
        document.cell(20, 5, t.whole(area.size) if area.size else "–", align="C")
    document.set_text_color(0)
    return y + 10 + drawn.region.height * scale


def _weeks(document: Document, t: Translator, session: Session, weeks: Sequence[date]) -> None:
    known: Mapping[date, Counter[str]] = reading.by_week(session, weeks[0], weeks[-1])
    layered = [layers_of(known.get(week, Counter())) for week in weeks]
    stack = stacked(weeks, {name: [one[name] for one in layered] for name in LAYERS}, [])
    if document.get_y() > 200:
        document.add_page()
    document.section(t("figures_weeks"))
    _stack(document, t, stack, document.get_y() + 2)


def _stack(document: Document, t: Translator, stack: Stack, top: float) -> None:
    wide, high = _WIDE / stack.width, _HIGH / stack.height
    document.set_font_size(8)
    for y, size in stack.lines:
        document.line(20, top + y * high, 20 + _WIDE, top + y * high)
        document.set_xy(20 + _WIDE - 20, top + y * high - 4)
        document.cell(20, 4, t.whole(size), align="R")
    for bar in stack.bars:
        document.set_fill_color(*_COLOURS[bar.name])
        document.rect(20 + bar.x * wide, top + bar.y * high, bar.width * wide, bar.height * high, style="F")
    for x, week in stack.months[1:]:
        document.set_xy(20 + x * wide, top + _HIGH + 1)
        document.cell(14, 4, t.short_month(week))
    document.set_xy(20, top + _HIGH + 7)
    for name in LAYERS:
        document.set_fill_color(*_COLOURS[name])
        document.rect(document.get_x() + 1, document.get_y() + 1, 3, 3, style="F")
        document.set_x(document.get_x() + 5)
        document.cell(38, 5, t(f"layer_{name}"))
    document.set_font_size(10)
    document.set_fill_color(255)
    document.set_y(top + _HIGH + 14)


def _table(
    document: Document, t: Translator, title: str, first: str, rows: Sequence[Balance], others: str, hours: bool
) -> None:
    if not rows:
        return
    document.section(title)
    offered = t("layer_offered") if hours else t("layer_listed")
    head = (first, offered, t("layer_kept") if hours else t("figures_had"), t("layer_missed") if hours else t("figures_not_had"), t("figures_unmatched"), t("figures_searched"))  # fmt: skip
    written = [
        (
            (kind_name(t, one.kind) if one.kind else others) + (f" ({t('is_lacking')})" if one.kind and one.lacks else ""),
            t.whole(one.offered if hours else one.of("free")), t.whole(one.of("kept")), t.whole(one.missed),
            t.whole(one.of("unmatched")), t.whole(one.of("searched")),
        )
        for one in rows
    ]  # fmt: skip
    document.amounts(head, written, (4, 3, 3, 3, 3, 4), 1)


def _flows(document: Document, t: Translator, flows: Sequence[Flow]) -> None:
    pairs: Counter[tuple[str, str]] = Counter()
    for one in flows:
        pairs[one.area, one.towards] += one.size
    if not pairs:
        return
    document.section(t("figures_flows"))
    names = {code: one[t.language] for code, one in areas().items()} | {"": t("elsewhere_in_region")}
    written = [(names[area], names[towards], t.whole(size)) for (area, towards), size in pairs.most_common()]
    document.amounts((t("flow_from"), t("flow_to"), t("layer_kept")), written, (3, 3, 2), 2)
