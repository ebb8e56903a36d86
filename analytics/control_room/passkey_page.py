"""The page on which persons add, name and remove their passkeys."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from analytics.api import passkeys
from analytics.api.context import AnalyticsContext, Caller, Context, caller_of_session, reader_language, session_of
from analytics.api.people import MAX_PASSKEYS, People, Person, one_line
from analytics.api.sessions import RECENT, is_cross_site
from analytics.control_room.rendering import Lang, render
from analytics.control_room.sign_in import PASSKEY_COOKIE, PASSKEYS, elsewhere, keep_attempt, party_here, show_sign_in
from analytics.i18n import Translator
from sign_in.passkeys import WrongPasskeyError

_log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

PasskeyId = Annotated[str, Path(max_length=64)]
Name = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True)
class Owner:
    """A person who is signed in and can have passkeys. `recent`: whether they signed in a moment ago."""

    caller: Caller
    person: Person
    people: People
    recent: bool


@router.get(PASSKEYS)
def get_passkeys(request: Request, context: Context, lang: Lang = None) -> HTMLResponse:
    caller = caller_of_session(context, request)
    if caller is None:
        return show_sign_in(request, context, lang=lang, then="passkeys")
    return _show(request, context, caller, lang=lang)


@router.post(f"{PASSKEYS}/options")
def post_options(request: Request, context: Context) -> Response:
    owner, party = _owner(request, context), context.party
    if owner is None or party is None or not owner.recent:
        return JSONResponse({"code": "passkey_not_added"}, 403)
    if len(owner.people.passkeys_of(owner.person.id)) >= MAX_PASSKEYS:
        return JSONResponse({"code": "passkey_too_many"}, 409)
    cookie, options = passkeys.begin_adding(context, party, owner.person, context.clock.now())
    answer = JSONResponse(options)
    keep_attempt(request, answer, PASSKEY_COOKIE, cookie)
    return answer


@router.post(PASSKEYS)
def post_passkey(
    request: Request, context: Context, name: Name = "", credential: Annotated[str, Form(max_length=50_000)] = ""
) -> Response:
    owner, party, shown = _owner(request, context), context.party, one_line(name)
    if owner is None or party is None or not owner.recent:
        return _leave()
    if shown is None:
        return _show(request, context, owner.caller, "passkey_name_wrong", 422)
    cookie = request.cookies.get(PASSKEY_COOKIE, "")
    try:
        added = passkeys.add(context, party, owner.person, shown, credential, cookie, context.clock.now())
    except WrongPasskeyError:
        added = False
    if not added:
        return _show(request, context, owner.caller, "passkey_not_added", 422)
    _log.warning("%s has added a passkey: %s.", owner.person.name, shown)
    return _leave()


@router.post(f"{PASSKEYS}/{{passkey_id}}")
def post_name(passkey_id: PasskeyId, request: Request, context: Context, name: Name = "") -> Response:
    owner, shown = _owner(request, context), one_line(name)
    if owner is not None and shown is None:
        return _show(request, context, owner.caller, "passkey_name_wrong", 422)
    if owner is not None and shown is not None:
        owner.people.rename_passkey(owner.person.id, passkey_id, shown)
    return _leave()


@router.post(f"{PASSKEYS}/{{passkey_id}}/remove")
def post_remove(passkey_id: PasskeyId, request: Request, context: Context) -> Response:
    owner = _owner(request, context)
    removed = owner.people.remove_passkey(owner.person.id, passkey_id) if owner is not None else None
    if owner is not None and removed is not None:
        _log.warning("%s has removed a passkey: %s.", owner.person.name, removed)
    return _leave()


def _owner(request: Request, context: AnalyticsContext) -> Owner | None:
    """None for whoever has no session, has one with the server's token or from the identity provider, or comes from another site."""
    caller, people, now = caller_of_session(context, request), context.people, context.clock.now()
    session = session_of(context, request)
    if caller is None or caller.person is None or people is None or session is None or session.vouched_for:
        return None
    if is_cross_site(request):
        return None
    return Owner(caller, caller.person, people, now - session.began < RECENT)


def _show(
    request: Request,
    context: AnalyticsContext,
    caller: Caller,
    problem: str = "",
    status: int = 200,
    *,
    lang: str | None = None,
) -> HTMLResponse:
    """`problem`: what is wrong, beside the form."""
    owner, written = _owner(request, context), Translator(reader_language(request, lang), context.policy.zone)
    own = owner.people.passkeys_of(owner.person.id) if owner is not None else []
    rows = [
        {
            "id": one.id,
            "name": one.name,
            "added": written("passkey_added", moment=one.added),
            "used": written("passkey_used", moment=one.last_used) if one.last_used is not None else "",
        }
        for one in own
    ]
    return render(
        request, "passkeys.html", lang, status,
        caller=caller, here=PASSKEYS, owner=owner, passkeys=rows, problem=problem, party=party_here(request, context.party),
        elsewhere=elsewhere(request, context.party), room=len(own) < MAX_PASSKEYS,
    )  # fmt: skip


def _leave() -> Response:
    """To the page, which says how things are now."""
    return RedirectResponse(PASSKEYS, 303)
