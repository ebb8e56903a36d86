"""The styleguide: every part of the design system on one page, for whoever builds or judges a page."""

from __future__ import annotations

from datetime import date, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from sharing_platform.organisations.dependencies import Page

router = APIRouter(include_in_schema=False)

COLOURS = ("paper", "card", "sunken", "ink", "soft", "line", "edge", "brand", "wash", "sun", "sun-wash", "free", "free-soft", "taken", "wrong", "in-use", "standing-still", "out-of-service", "unknown")  # fmt: skip
"""The colour tokens of `static/css/tokens.css`, without their dashes."""


WEEK = [(date(2026, 3, 2) + timedelta(days=number), [(0.3, 0.8)] if number % 3 == 0 else []) for number in range(7)]
"""Days of which some hours are free, as a strip shows them."""


@router.get("/styleguide")
def get_styleguide(page: Page) -> HTMLResponse:
    return page.render("styleguide.html", colours=COLOURS, week=WEEK)
