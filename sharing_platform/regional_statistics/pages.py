"""What anybody may know of what is shared in the region: pictures, tables, files, and figures for other sites."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from sharing_platform.database import read_session
from sharing_platform.dependencies import Context, PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.dependencies import Page
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import TEMPLATES, language_of
from sharing_platform.region.exports import as_csv
from sharing_platform.regional_statistics import dictionary
from sharing_platform.regional_statistics.areas import areas
from sharing_platform.regional_statistics.charts import ShadedMap
from sharing_platform.regional_statistics.files import COLUMNS, csv_rows
from sharing_platform.regional_statistics.report_pdf import report_pdf
from sharing_platform.regional_statistics.summary import last_day_of
from sharing_platform.regional_statistics.view import LAYERS, RegionView, ViewCache
from sharing_platform.schemas import Day

router = APIRouter(include_in_schema=False)

_KEPT_BY_CACHES = {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Language, Cookie"}
"""Of what is for everybody, and new once a week; in each language."""
EMBEDDED_HEADERS = {
    **_KEPT_BY_CACHES,
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # Browsers that know frame-ancestors do not look at X-Frame-Options.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors *",
}
"""Of pictures on other sites, and of nothing else."""


@router.get("/region")
def get_region_figures(page: Page) -> HTMLResponse:
    kind = page.request.query_params.get("process") or None
    view = _view(page.request, page.context, kind)
    if view is None and kind is not None:
        view = _view(page.request, page.context, None)
    if view is None:
        return page.render("region_figures.html", view=None)
    t = page.translator

    def kind_name(code: str) -> str:
        return dictionary.kind_name(t, code)

    def map_said(shown: ShadedMap) -> str:
        return said_of_map(t, shown)

    embed = f'<a href="{page.context.url}/region"><img src="{page.context.url}/region/embed/offered.svg?lang={t.language}" alt="{t("figures_title")}" width="480"></a>'
    busiest = max(((week, sum(sizes.values())) for week, sizes in view.weeks), key=lambda one: one[1])
    return page.render(
        "region_figures.html",
        view=view,
        areas=areas(),
        layers=LAYERS,
        last_day=last_day_of(view.last),
        choices=sorted(((code, kind_name(code)) for code in view.kinds), key=lambda one: one[1].casefold()),
        lacking=", ".join(kind_name(one.kind) for one in view.lacking),
        largest=max((one.flow for one in view.bands.bands), key=lambda flow: flow.size, default=None),
        busiest=busiest,
        years=sorted({year for year, _ in view.months}),
        kind_name=kind_name,
        map_said=map_said,
        embed=embed,
    )


def said_of_map(t: Translator, shown: ShadedMap) -> str:
    """Each area with its hours, the most first: what the picture shows, for who does not see it."""
    ordered = sorted(shown.areas, key=lambda one: -one.size)
    return "; ".join(
        f"{areas()[one.code][t.language]}{t.colon}{t('hours', hours=t.whole(one.size)) if one.size else t('not_shown_few')}"
        for one in ordered
    )


@router.get("/region/dictionary")
def get_dictionary(page: Page) -> HTMLResponse:
    """What the columns of files and of the API mean."""
    t = page.translator
    return page.render(
        "region_dictionary.html",
        columns=dictionary.columns(t),
        measures=dictionary.measures(t),
        kinds=dictionary.kinds(t),
        places=[(code, names[t.language]) for code, names in areas().items()],
    )


@router.get("/region/figures.csv")
def get_figures_csv(page: Page, first_week: Day | None = None, last_week: Day | None = None) -> StreamingResponse:
    """All that is published, or what is of these weeks; to be read again at any time, always alike."""
    rows = csv_rows(page.context.sessions, first_week or date.min, last_week or date.max)
    return StreamingResponse(
        as_csv(COLUMNS, rows, page.translator.decimals),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="region.csv"', **_KEPT_BY_CACHES},
    )


@router.get("/region/report-{year}.pdf")
def get_report(year: Annotated[int, Path(ge=2000, le=2200)], page: Page) -> Response:
    """For the region's administrators, who send it on. What is in it, everybody may know."""
    actor = require(page.actor, Right.REGION)
    with page.context.sessions.begin() as session:
        written = report_pdf(session, year, page.translator, page.now, page.context.url)
        log(session, page.now, actor, "region.exported", "figures", format="pdf", period=str(year))
    headers = {"Content-Disposition": f'attachment; filename="region-{year}.pdf"'}
    return Response(written, media_type="application/pdf", headers=headers)


@router.get("/region/embed/{figure}.svg")
def get_embedded(
    figure: Literal["offered", "missed", "weeks"], request: Request, context: Context, process: str = ""
) -> Response:
    """A picture by itself, for the region's own site. It says its colours and its type itself, as no style sheet reaches it there."""
    t = Translator(language_of(request), context.zone)
    view = _view(request, context, process[:40] or None)
    if view is None:
        raise NotFoundError
    template = TEMPLATES.env.get_template("embedded.svg")
    name = dictionary.kind_name(t, view.kind) if view.kind else None
    drawn = template.render(
        t=t, view=view, figure=figure, areas=areas(), layers=LAYERS, name=name, url=context.url,
        last_day=last_day_of(view.last), said_of_map=said_of_map,
    )  # fmt: skip
    return Response(drawn, media_type="image/svg+xml", headers=EMBEDDED_HEADERS)


def _view(request: Request, context: PlatformContext, kind: str | None) -> RegionView | None:
    cache: ViewCache = request.app.state.region_views
    with read_session(context.sessions) as session:
        return cache.view(session, kind)
