"""The page on which a factory's planners see where it stands among others, take part, or leave."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.comparison import service
from sharing_platform.comparison.charts import bar_of
from sharing_platform.comparison.quartiles import LEAST
from sharing_platform.database import read_session
from sharing_platform.organisations.dependencies import Page
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData

router = APIRouter(include_in_schema=False)

REASONS = ("idle", "off", "down", "delay", "maintenance")
"""Figures that are shown together: why nothing was produced."""


@router.get("/comparison")
def get_comparison_page(page: Page) -> HTMLResponse:
    actor = require(page.actor, Right.OFFER)
    with read_session(page.context.sessions) as session:
        found = service.comparison_of(session, actor.organisation, page.now)
    return page.render(
        "comparison.html", found=found, least=LEAST, reasons=REASONS,
        months={one.process_class: ", ".join(page.translator.month(date.fromisoformat(f"{month}-01")) for month in one.months) for one in found.classes},
        bars={(one.process_class, figure.name): bar_of(figure) for one in found.classes for figure in one.figures},
    )  # fmt: skip


@router.post("/comparison/participation")
def post_participation(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.OFFER)
    takes_part = form.get("takes_part") == "yes"
    service.set_participation(page.context, actor, takes_part)
    return page.redirect("/comparison", "saved" if takes_part else "comparison_left")
