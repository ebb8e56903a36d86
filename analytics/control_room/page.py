"""The page of the control room. Its script reads its data from the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from analytics.api.context import Context, caller_of_session
from analytics.api.sessions import COOKIE
from analytics.control_room.rendering import Lang, render
from analytics.control_room.sign_in import show_sign_in
from telemetry.appearance import LOSS_COLOURS, STATE_COLOURS

router = APIRouter(include_in_schema=False)


def add_to(app: FastAPI) -> None:
    folder = Path(__file__).parent / "static"
    app.mount("/control/static", _Static(directory=folder, packages=[("sign_in", "static")]), name="control-room")


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
def get_control_room(
    request: Request, context: Context, lang: Lang = None, problem: Annotated[str, Query(max_length=40)] = ""
) -> HTMLResponse:
    """The control room for those who are signed in, the sign-in page for others."""
    caller = caller_of_session(context, request)
    if caller is None:
        locked = context.sessions.is_locked(request.cookies.get(COOKIE, ""), context.clock.now())
        return show_sign_in(request, context, lang=lang, problem=problem, wrong="locked" if locked else "")
    facts = {
        "factory": caller.factory,
        "zone": context.policy.zone,
        "hasPlatform": context.has_platform,
        "maxSilenceMs": context.policy.max_silence.total_seconds() * 1000,
        "states": {state.value: colour for state, colour in STATE_COLOURS.items()},
        "losses": LOSS_COLOURS,
    }
    return render(
        request, "control_room.html", lang,
        caller=caller, facts=facts, losses=list(LOSS_COLOURS), has_platform=context.has_platform,
    )  # fmt: skip
