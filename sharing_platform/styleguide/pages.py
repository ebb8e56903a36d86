"""The styleguide: every part that pages are made of, on one page, for whoever builds or judges a page. It is made of the templates of those pages, filled with samples."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.errors import NotFoundError
from sharing_platform.organisations.dependencies import Page
from sharing_platform.pictures.service import MEDIA_TYPES
from sharing_platform.styleguide.agreement_samples import agreement_samples
from sharing_platform.styleguide.learning_samples import learning_samples
from sharing_platform.styleguide.machine_samples import (
    PICTURES,
    WEEK,
    calendar_samples,
    choice_samples,
    comparison_samples,
    search_samples,
)
from sharing_platform.styleguide.neighbour_samples import neighbour_samples
from sharing_platform.styleguide.samples import ACTOR, ASKED_ACTOR, other_samples, plan_samples, region_samples
from sharing_platform.styleguide.standing_samples import among_others_samples, assessment_samples

router = APIRouter(include_in_schema=False)

COLOURS = ("paper", "card", "sunken", "ink", "soft", "line", "edge", "brand", "wash", "sun", "sun-wash", "free", "free-soft", "taken", "wrong", "in-use", "standing-still", "out-of-service", "unknown")  # fmt: skip
"""The colour tokens of `static/css/tokens.css`, without their dashes."""
ICONS = ("search", "map-pin", "calendar-days", "clock", "euro", "factory", "user", "users", "graduation-cap", "lightbulb", "package", "shield-check", "circle-check", "circle-alert", "message-square", "handshake")  # fmt: skip
_PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 64"><rect width="96" height="64" fill="{ground}"/><circle cx="72" cy="18" r="8" fill="#ffc233"/><path d="M0 64 34 26 58 50 72 38 96 64z" fill="#0b5345"/></svg>"""
_GROUNDS = ("#cfe5da", "#dfe9f2", "#f3e7cd")


@router.get("/styleguide")
def get_styleguide(page: Page) -> HTMLResponse:
    t = page.translator
    return page.render(
        "styleguide.html",
        colours=COLOURS,
        icons=ICONS,
        strip_week=WEEK,
        seeker=ACTOR,
        asked=ASKED_ACTOR,
        regions=[],
        beyond=None,
        **search_samples(),
        **choice_samples(),
        **comparison_samples(t),
        **calendar_samples(t),
        **agreement_samples(t),
        **plan_samples(),
        **region_samples(),
        **other_samples(),
        learned=learning_samples(),
        assessed=assessment_samples(t.language),
        among=among_others_samples(t),
        **neighbour_samples(),
    )


@router.get("/styleguide/pictures/{number}/{size}")
def get_picture(number: int, size: str) -> Response:
    """What stands for a picture that somebody has uploaded."""
    if not 1 <= number <= len(PICTURES) or size not in MEDIA_TYPES:
        raise NotFoundError
    return Response(_PICTURE.format(ground=_GROUNDS[number - 1]), media_type="image/svg+xml")
