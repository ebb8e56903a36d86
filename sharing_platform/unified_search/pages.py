"""The page of a search over everything."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError
from sharing_platform.machines.index import get_machine_index
from sharing_platform.machines.no_results import Filter, filters_set
from sharing_platform.organisations.dependencies import Page
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.neighbours import INCLUDED, NeighbourHit, get_neighbour_search
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.unified_search import service
from sharing_platform.unified_search.schemas import (
    ListingSection,
    MachineSection,
    NoticeSection,
    PostSection,
    SearchResults,
)

router = APIRouter(include_in_schema=False)

_OF_LISTINGS = ("q", "near", "within_km", "day", "last_day", "process", "certificate")
_OF_NOTICES = ("q", "near", "within_km", "process", "material", "certificate")
_OF_POSTS = ("q", "near", "within_km", "process")


@dataclass(frozen=True)
class Section:
    """What is found of a kind, and the page with all of it."""

    kind: str
    found: MachineSection | ListingSection | NoticeSection | PostSection
    link: str


@router.get("/search")
def get_search(page: Page) -> HTMLResponse:
    asked = fields_of(page)
    wish, problems = wish_of_form(asked)
    filters: list[Filter] = []
    sections: list[Section] = []
    beyond: list[NeighbourHit] | None = None
    found_nothing: PreparedCriteria | None = None
    with read_session(page.context.sessions) as session:
        index, neighbours = get_machine_index(page.request), get_neighbour_search(page.request)
        regions = neighbours.regions(session, page.now)
        searched = service.Searched(
            session, index, page.context.occupancy, page.now, page.context.zone, page.viewer
        )  # fmt: skip
        try:
            filters = filters_set(page, session, asked, wish, False)
            results = service.search_everything(searched, wish)
            sections = _sections(results, asked)
            found_nothing = service.sought_in_vain(searched, results, wish)
            if regions and asked.get(INCLUDED) == "yes":
                beyond = neighbours.find(
                    session, prepare_criteria(wish), page.now, page.context.zone, service.EVERY_KIND
                )
        except InvalidError as error:
            problems[error.field] = error.code
    if found_nothing is not None:
        page.context.events.publish(SearchFoundNothing(found_nothing, page.visitor, page.now))
    return page.render(
        "search.html",
        sections=sections,
        filters=filters,
        regions=regions,
        beyond=beyond,
        given=asked,
        problems=problems,
        asked_for=urlencode(
            [(key, value) for key, value in asked.multi_items() if value and key not in ("lang", "done")]
        ),
        total=sum(one.found.count for one in sections),
    )


def _sections(results: SearchResults, asked: QueryParams) -> list[Section]:
    kinds = {
        "operator": results.operators,
        "equipment": results.equipment,
        "know_how": results.know_how,
        "training": results.trainings,
    }
    return [
        Section("machine", results.machines, f"/?{_query(results.machines, asked, None)}"),
        *(
            Section(kind, found, f"/listings?{_query(found, asked, _OF_LISTINGS, kind=kind)}")
            for kind, found in kinds.items()
        ),
        Section("notice", results.notices, f"/wanted?{_query(results.notices, asked, _OF_NOTICES)}"),
        *(_of_posts(kind, getattr(results, name), asked) for name, kind in service.POSTS.items()),
    ]


def _of_posts(kind: str, found: PostSection, asked: QueryParams) -> Section:
    return Section(kind, found, f"/learning?{_query(found, asked, _OF_POSTS, kind=kind)}")


def _query(
    found: MachineSection | ListingSection | NoticeSection | PostSection,
    asked: QueryParams,
    names: tuple[str, ...] | None,
    **more: str,
) -> str:
    """That finds the same on the page of the kind."""
    kept = {key: value for key, value in asked.items() if value and key not in ("lang", "done")}
    if names is not None:
        kept = {name: value for name, value in kept.items() if name in names}
    if found.by_process is not None:
        kept.pop("q", None)
        kept["process"] = found.by_process
    return urlencode({**more, **kept})
