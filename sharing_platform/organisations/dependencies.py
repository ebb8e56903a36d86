"""FastAPI dependencies for who makes a request: a person with a browser session, a program with a token, or anybody.

They look up the context by themselves: FastAPI prepares each dependency anew for each route that has it, when the platform starts.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sharing_platform.database import UNAVAILABLE, read_session
from sharing_platform.dependencies import PlatformContext, client_address, get_context
from sharing_platform.errors import NotSignedInError, PlatformError, TooLongError
from sharing_platform.i18n import Translator
from sharing_platform.middleware import MAX_BODY, SAFE
from sharing_platform.organisations import api_tokens
from sharing_platform.organisations.accounts import SignedIn, note_use, user_of_session
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import (
    APPROVED,
    REFUSED,
    TOKEN_SCOPES,
    Actor,
    Kind,
    Right,
    organisation_of,
    require,
    require_to_write,
    scopes_of,
    viewer_of,
)
from sharing_platform.pages import (
    UploadForm,
    language_of,
    open_upload_form,
    read_form,
    redirect,
    render,
    with_problems,
)

CONFIGURED_TOKEN = "configured"  # noqa: S105 - what the audit log calls a token from the operator's configuration
_BEARER, _SESSION = "HTTPBearer", "session"
_LINK_COOKIE = "link"
_LINK_COOKIE_S = 3600
_MAX_FILES = 100
"""That are read of a form, so that it can be said how many may be sent. Together they are no longer than a body may be."""

_Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="An organisation's API token, or one that the operator gave.")),
]


def _person_of(context: PlatformContext, secret: str | None, in_use: bool = False) -> SignedIn | None:
    """Whose browser session it is. `in_use`: that person is there, and not an open page alone."""
    if not secret:
        return None
    now, lock_after = context.now(), context.lock_after
    with read_session(context.sessions) as session:
        person = user_of_session(session, secret, now, lock_after)
    if person is not None and in_use and person.is_to_be_noted(now, lock_after):
        # On a full disk somebody must still be able to look.
        with suppress(*UNAVAILABLE), context.sessions.begin() as session:
            note_use(session, secret, person.until_if_used(now, lock_after))
    return person


def _is_in_use(request: Request) -> bool:
    """Whether somebody opens a page or sends something. What an open page asks by itself keeps no session open; clients that send no fetch metadata ask for nothing by themselves."""
    return request.method not in SAFE or request.headers.get("sec-fetch-dest") in (None, "document")


async def signed_in_person(request: Request) -> SignedIn | None:
    """Who is signed in with a browser."""
    context = get_context(request)
    secret = request.cookies.get(context.cookie)
    return await run_in_threadpool(_person_of, context, secret, _is_in_use(request)) if secret else None


MaybePerson = Annotated[SignedIn | None, Depends(signed_in_person)]


def require_person(person: MaybePerson) -> SignedIn:
    """Raises NotSignedInError."""
    if person is None:
        raise NotSignedInError
    return person


async def required_person(person: MaybePerson) -> SignedIn:
    """As `require_person`."""
    return require_person(person)


Person = Annotated[SignedIn, Depends(required_person)]


async def current_actor(request: Request, given: _Bearer, person: MaybePerson) -> Actor | None:
    """Who makes the request; None for anybody. A wrong token is refused, not ignored. Raises NotSignedInError."""
    if given is not None:
        return await run_in_threadpool(_actor_of_token, get_context(request), given.credentials)
    return person.actor() if person is not None else None


def _actor_of_token(context: PlatformContext, given: str) -> Actor:
    """Raises NotSignedInError."""
    offered = given.encode()
    for factory, configured in context.tokens.items():
        if secrets.compare_digest(offered, configured.encode()):
            with read_session(context.sessions) as session:
                known = session.get(Organisation, factory)
            # Who was refused waits like anybody else once it has applied again.
            decided = known is not None and (known.status == REFUSED or known.applications > 1)
            status = known.status if known is not None and decided else APPROVED
            rights = scopes_of(TOKEN_SCOPES, status)
            return Actor(factory, Kind.FACTORY, status, rights, token=CONFIGURED_TOKEN)
    with read_session(context.sessions) as session:
        found = api_tokens.find_token(session, given)
    if found is None:
        raise NotSignedInError("token")
    token, organisation = found
    if api_tokens.last_use_outdated(token, context.now()):
        # On a full disk a token must still be good for reading.
        with suppress(*UNAVAILABLE), context.sessions.begin() as session:
            session.merge(token).last_used = context.now()
    return api_tokens.actor_of(token, organisation)


MaybeActor = Annotated[Actor | None, Depends(current_actor)]


def visitor_of(request: Request, actor: Actor | None) -> str:
    """Tells one visitor from another: an organisation or, where nobody is signed in, an address."""
    return organisation_of(actor) or client_address(request)


def layout_values(actor: Actor | None, person: SignedIn | None) -> dict[str, object]:
    """What the layout of every page shows of who looks at it."""
    return {"actor": actor, "person": person, "Right": Right}


def visitor(request: Request) -> dict[str, object]:
    """`layout_values` of whoever is signed in with a browser."""
    context = get_context(request)
    person = _person_of(context, request.cookies.get(context.cookie))
    return layout_values(person.actor() if person is not None else None, person)


async def read_upload_form(request: Request, actor: MaybeActor) -> AsyncIterator[UploadForm]:
    """A form that may have files. Of whom nobody knows, nothing long is read. Raises TooLongError."""
    if actor is None:
        if int(request.headers.get("content-length", "0")) > MAX_BODY:
            raise TooLongError
        yield UploadForm(await read_form(request))
        return
    async with open_upload_form(request, _MAX_FILES) as form:
        yield form


UploadFormData = Annotated[UploadForm, Depends(read_upload_form)]


class RequireRight:
    """A dependency: the caller, who has this right. Tests read `right` off each route. `writes`: for a change whose right depends on what is changed."""

    def __init__(self, right: Right, writes: bool = False) -> None:
        self.right = right
        self._writes = writes

    async def __call__(self, actor: MaybeActor) -> Actor:
        return require_to_write(actor) if self._writes else require(actor, self.right)


Writer = Annotated[Actor, Depends(RequireRight(Right.READ, writes=True))]
"""Who changes something; which right that needs depends on what it is."""
Reader = Annotated[Actor, Depends(RequireRight(Right.READ))]
Asker = Annotated[Actor, Depends(RequireRight(Right.ASK))]
Answerer = Annotated[Actor, Depends(RequireRight(Right.ANSWER))]
Offerer = Annotated[Actor, Depends(RequireRight(Right.OFFER))]
Lister = Annotated[Actor, Depends(RequireRight(Right.LIST))]
Integrator = Annotated[Actor, Depends(RequireRight(Right.INTEGRATE))]
Governor = Annotated[Actor, Depends(RequireRight(Right.GOVERN))]
Regional = Annotated[Actor, Depends(RequireRight(Right.REGION))]


def security_of(calls: Collection[Any]) -> list[dict[str, list[str]]] | None:
    """OpenAPI's `security` of a route that depends on these callables; None where it is open to anybody."""
    if required_person in calls:
        return [{_SESSION: []}]
    if current_actor in calls:
        required = any(isinstance(call, RequireRight) for call in calls)
        return [{_BEARER: []}, {_SESSION: []}, *([] if required else [{}])]
    return None


def presented_device(request: Request, context: PlatformContext) -> str:
    """The secret by which the browser may be known; empty if it presents none."""
    return request.cookies.get(context.device_cookie, "")[:100]


async def _device(request: Request) -> str:
    return presented_device(request, get_context(request))


Device = Annotated[str, Depends(_device)]


@dataclass(frozen=True)
class PageRequest:
    """A request for a page: who makes it, and how it is answered."""

    request: Request
    context: PlatformContext
    actor: Actor | None
    person: SignedIn | None

    @property
    def now(self) -> datetime:
        return self.context.now()

    @property
    def organisation(self) -> str | None:
        """For whom the caller speaks, approved or not: they always see what is their own."""
        return organisation_of(self.actor)

    @property
    def viewer(self) -> str | None:
        """The member as whom the caller sees offers; None sees what anybody sees."""
        return viewer_of(self.actor)

    @property
    def visitor(self) -> str:
        return visitor_of(self.request, self.actor)

    @property
    def language(self) -> str:
        return language_of(self.request)

    @property
    def translator(self) -> Translator:
        return Translator(self.language, self.context.zone)

    @property
    def by_script(self) -> bool:
        """Whether a script asks for a part of the page that somebody looks at."""
        return self.request.headers.get("hx-request") == "true"

    def render(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        known = layout_values(self.actor, self.person)
        return render(self.request, self.context, template, status, **{**known, **values})

    def render_with_forms(
        self,
        template: str,
        error: PlatformError | None,
        given: dict[str, str] | None,
        problems: dict[str, str] | None,
        **values: object,
    ) -> HTMLResponse:
        """A page with forms on it, filled in with what is given; where something is wrong with one of them, as `render_form` shows it."""
        if error is None and not problems:
            return self.render(template, 200, given=given or {}, **values)
        return self.render_form(template, error, given or {}, problems or {}, **values)

    def render_form(
        self,
        template: str,
        error: PlatformError | None,
        given: dict[str, str],
        problems: dict[str, str],
        **values: object,
    ) -> HTMLResponse:
        """The same form again, with what was typed and what is wrong with it."""
        status, shown = with_problems(error, given, problems)
        return self.render(template, status, **{**values, **shown})

    @property
    def device(self) -> str:
        return presented_device(self.request, self.context)

    @property
    def link(self) -> str:
        """The secret of the mailed link that led here; empty if none did."""
        return self.request.cookies.get(_LINK_COOKIE, "")

    def keep_link(self, secret: str, path: str) -> Response:
        """Out of the address at once: a secret must get into no history, no log and no referrer. The page at `path` shows what it is for."""
        answer = redirect(path)
        answer.set_cookie(
            _LINK_COOKIE, quote(secret[:300]), max_age=_LINK_COOKIE_S, path=path, httponly=True, samesite="lax",
            secure=self.context.secure,
        )  # fmt: skip
        return answer

    def forget_link(self, answer: Response, path: str) -> None:
        answer.delete_cookie(_LINK_COOKIE, path=path)

    def redirect(self, path: str, done: str | None = None) -> RedirectResponse:
        """On to another page, which shows the message `done_<done>`."""
        return redirect(path, done)


async def _page(request: Request, actor: MaybeActor, person: MaybePerson) -> PageRequest:
    return PageRequest(request, get_context(request), actor, person)


Page = Annotated[PageRequest, Depends(_page)]
