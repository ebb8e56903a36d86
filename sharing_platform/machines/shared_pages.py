"""Pages with free hours that are the same for everybody who is not signed in: made once a minute, and again when something that they show has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias, cast

import anyio
from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.machines.index import IndexEntry, get_machine_index
from sharing_platform.machines.visibility import VisibleMachine, visible_machines
from sharing_platform.organisations.dependencies import PageRequest
from sharing_platform.public_version import public_version
from sharing_platform.search.neighbours import INCLUDED, get_neighbour_search
from sharing_platform.search.ranking import PreparedCriteria
from sharing_platform.shared_answers import SharedAnswers

_MOST_BYTES, _BESIDE_BYTES = 32_000_000, 2_000
"""Of all that are kept, and what each takes up beside its text and the query."""
_MOST_QUERY_BYTES = 1_000
"""A query stands in its page a dozen times: some long ones would push out what everybody asks for."""

_AT_A_TIME = 4
"""Lists that are made at a time. None takes longer to make, and people who open many at once would otherwise have all threads, for which everybody else waits."""

_Made: TypeAlias = tuple[HTMLResponse, PreparedCriteria | None]
"""A page, and the search where it found nothing: that is counted for each visitor."""


@dataclass(frozen=True)
class _Kept:
    """Nothing but what everybody may have: no headers, and so no cookies."""

    query: bytes
    status: int
    body: bytes
    found_nothing: PreparedCriteria | None

    @property
    def size(self) -> int:
        return len(self.query) + len(self.body) + _BESIDE_BYTES


_Machines: TypeAlias = list[tuple[VisibleMachine, IndexEntry]]


class SharedPages:
    """Of one process. All pages show the same machines, which are read once. `turns`: held while a list is made, for whomever."""

    def __init__(self) -> None:
        self.turns = anyio.Semaphore(_AT_A_TIME)
        self.pages = SharedAnswers[_Kept](_MOST_BYTES, lambda kept: kept.size)
        self.machines = SharedAnswers[_Machines](0, lambda _: 0)  # one list at a time: nothing has to make room for it


@dataclass(frozen=True)
class ForStrangers(PageRequest):
    """A request of anybody, as if it had come as the minute began. `state`: what it is answered from, the version and the minute."""

    state: tuple[int, datetime]


def machines_seen(page: PageRequest, session: Session) -> _Machines:
    """`visible_machines`, for strangers read once in each state."""

    def read() -> _Machines:
        return visible_machines(session, get_machine_index(page.request), page.now, page.viewer)

    if not isinstance(page, ForStrangers):
        return read()
    return get_shared_pages(page.request).machines.get(page.state, None, read)


def shared_page(page: PageRequest, make: Callable[[PageRequest], _Made]) -> _Made:
    """What `make` makes of a request or, for strangers, has made of the same request since the minute began, as if it had come then. `make` reads tables that are
    `ShownToAnybody`, the names of neighbouring regions and, of the request, the path, the query, the language and whether a script asks."""
    request = page.request
    if page.actor is not None or page.person is not None or not _is_same_for_all(request):
        return make(page)
    minute = page.now.replace(second=0, microsecond=0)
    with read_session(page.context.sessions) as session:
        version = public_version(session)
        regions = tuple(get_neighbour_search(request).regions(session, minute))
    context = replace(page.context, now=lambda: minute)
    of_anybody = ForStrangers(request, context, None, None, (version, minute))
    # As it was sent, and as the page reads it: `request.url` has lost what follows a `#`.
    query = request.scope["query_string"]
    question = (request.url.path, query, page.language, page.by_script, regions)

    def keep() -> _Kept:
        answer, found_nothing = make(of_anybody)
        return _Kept(query, answer.status_code, bytes(answer.body), found_nothing)

    kept = get_shared_pages(request).pages.get(of_anybody.state, question, keep)
    return HTMLResponse(kept.body, kept.status), kept.found_nothing


def _is_same_for_all(request: Request) -> bool:
    """Whoever chooses a language is sent a cookie, and what neighbouring regions share has no version."""
    asked = request.query_params
    short = len(request.scope["query_string"]) <= _MOST_QUERY_BYTES
    return short and "lang" not in asked and asked.get(INCLUDED) != "yes"


def get_shared_pages(request: Request) -> SharedPages:
    return cast("SharedPages", request.app.state.shared_pages)
