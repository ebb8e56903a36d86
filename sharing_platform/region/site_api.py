"""Routes of the HTTP API: the pages that the region edits."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Person, Regional
from sharing_platform.problems import problems
from sharing_platform.region import site_service
from sharing_platform.region.schemas import SitePageIn, SitePageOut, TermsIn
from sharing_platform.site_pages import versions
from sharing_platform.site_pages.models import PageVersion

router = APIRouter(prefix="/api/v1", tags=["pages"])

PageName = Literal["about", "contact", "privacy", "terms"]


@router.get("/pages/{name}", responses=problems(404, 422))
def get_page(name: PageName, session: ReadSession, context: Context) -> SitePageOut:
    """What a page says now, as it was written: `{region}` and the like are filled in on the page."""
    return page_out(versions.present(session, name, context.now()))


@router.put("/account/terms", status_code=204, responses=problems(401, 404, 422))
def put_terms(wanted: TermsIn, person: Person, context: Context) -> None:
    """Accept a version of the terms of use."""
    site_service.accept_terms(context, person, wanted.version)


@router.post("/region/pages/{name}", status_code=201, responses=problems(401, 403, 404, 422))
def post_page(name: PageName, wanted: SitePageIn, actor: Regional, context: Context) -> SitePageOut:
    """Publish another version."""
    return page_out(site_service.publish(context, actor, name, wanted))


def page_out(version: PageVersion) -> SitePageOut:
    return SitePageOut(
        name=version.name, version=version.number, effective=version.effective, nl=version.nl, fr=version.fr, en=version.en
    )  # fmt: skip
