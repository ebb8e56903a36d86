"""The page of the control room, sign-in and sign-out. The page's script reads its data from the HTTP API."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from analytics.api.context import Context, caller_of_session, caller_of_token, reader_language
from analytics.api.sessions import COOKIE, SESSION_LIFETIME, is_cross_site
from analytics.i18n import LANGUAGE_COOKIE, LANGUAGES, texts
from telemetry.appearance import LOSS_COLOURS, STATE_COLOURS

_log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
_SECURITY_HEADERS = {
    # Chart.js sets the size of its canvases in their style attribute.
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}

_LANGUAGE_COOKIE_S = 365 * 24 * 3600

router = APIRouter(include_in_schema=False)
_templates = Jinja2Templates(_FOLDER / "templates")

Lang = Annotated[str | None, Query(max_length=5)]


def add_to(app: FastAPI) -> None:
    app.mount("/control/static", _Static(directory=_FOLDER / "static"), name="control-room")


class _Static(StaticFiles):
    """Browsers ask whether a file has changed: scripts of two versions do not fit together."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


@router.get("/")
def get_root() -> Response:
    return RedirectResponse("/control", 303)


@router.get("/control")
def get_control_room(request: Request, context: Context, lang: Lang = None) -> HTMLResponse:
    """The control room for those who are signed in, the sign-in page for others."""
    caller = caller_of_session(context, request)
    if caller is None:
        return _page(request, "sign_in.html", lang)
    facts = {
        "factory": caller.factory,
        "zone": context.policy.zone,
        "hasPlatform": context.has_platform,
        "maxSilenceMs": context.policy.max_silence.total_seconds() * 1000,
        "states": {state.value: colour for state, colour in STATE_COLOURS.items()},
        "losses": LOSS_COLOURS,
    }
    return _page(
        request, "control_room.html", lang,
        caller=caller, facts=facts, losses=list(LOSS_COLOURS), has_platform=context.has_platform,
    )  # fmt: skip


@router.post("/control/sign-in")
def post_sign_in(request: Request, context: Context, token: Annotated[str, Form(max_length=500)]) -> Response:
    now = context.clock.now()
    if is_cross_site(request):
        return _page(request, "sign_in.html", status=403)
    # The control room decides about the offers of the server's own factory. Tokens of other factories give access to
    # the API only.
    caller = caller_of_token(context, token.strip())
    address = request.client.host if request.client else "unknown"
    if caller is None or caller.factory != context.policy.factory:
        if context.sessions.record_failure(address, now):
            return _page(request, "sign_in.html", problem="shut", status=429)
        return _page(request, "sign_in.html", problem="wrong", status=401)
    _log.info("Signed in to the control room from %s: %s.", address, caller.name)
    person = caller.person.id if caller.person is not None else None
    answer = RedirectResponse("/control", 303)
    answer.set_cookie(
        COOKIE, context.sessions.start(caller.factory, person, now), max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True, samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.post("/control/sign-out")
def post_sign_out(request: Request, context: Context) -> Response:
    if not is_cross_site(request):
        context.sessions.end(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/control", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _page(request: Request, name: str, lang: str | None = None, status: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a template in the reader's language, and remember it where the address asks for one."""
    language = reader_language(request, lang)
    words = texts(language)
    values |= {
        "t": words,
        "language": language,
        "languages": [(code, own_name) for code, own_name in LANGUAGES.items() if code != language],
        "words": _for_script(words),
        "facts": _for_script(values.get("facts", {})),
        "losses": [words[f"loss_{loss}"] for loss in values.get("losses", ())],
    }
    answer = _templates.TemplateResponse(request, name, values, status_code=status, headers=_SECURITY_HEADERS)
    if lang in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_LANGUAGE_COOKIE_S,
            httponly=True, samesite="lax", secure=request.url.scheme == "https",
        )  # fmt: skip
    return answer


def _for_script(values: Any) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(dict(values), ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
