"""`/demo`: signs one in, with a click, as one of the demo's people, or into the control room of the demo's first factory."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from sharing_platform.errors import NotFoundError
from sharing_platform.organisations import accounts
from sharing_platform.organisations.accounts_api import keep_session
from sharing_platform.organisations.dependencies import Page
from sharing_platform.pages import FormData, InstallationNotice, add_templates
from vrijloop.demo.members import address_of
from vrijloop.demo.requests import NO_AUTHORITIES

_FOLDER = Path(__file__).parent
_TOLD = tomllib.loads((_FOLDER / "personas.toml").read_text(encoding="utf-8"))


def add_demo(app: FastAPI, folder: Path) -> None:
    """Add the page, and a line above every page that leads to it. `folder`: the demo's, in which the factory's server has its address and token."""
    add_templates(_FOLDER / "templates")
    words = _TOLD["words"]
    app.state.installation_notice = InstallationNotice(
        {language: words[language]["bar"] for language in words},
        {language: words[language]["switch"] for language in words},
        "/demo",
    )
    router = APIRouter(include_in_schema=False)

    @router.get("/demo")
    def get_demo(page: Page) -> HTMLResponse:
        with page.context.sessions() as session:
            people = [
                one | {"role": one[page.language][0], "does": one[page.language][1]}
                for one in _TOLD["persona"]
                if one.get("control_room") or accounts.find_account(session, address_of(one["person"])) is not None
            ]
        return page.render(
            "demo.html", words=words[page.language], people=people, ready=len(people) == len(_TOLD["persona"])
        )

    @router.post("/demo/sign-in")
    def post_sign_in(page: Page, form: FormData) -> Response:
        persona = _persona(form.get("person", ""))
        with page.context.sessions.begin() as session:
            account = accounts.find_account(session, address_of(persona["person"]))
            if account is None:
                raise NotFoundError
            new = accounts.start_session(session, account, page.device, page.now)
        answer = page.redirect(persona["page"])
        keep_session(answer, page.context, new)
        return answer

    @router.get("/demo/control-room")
    def get_control_room(request: Request, page: Page) -> Response:
        """On to the control room, whose sign-in is handed to the browser: both are on 127.0.0.1, and cookies know no ports. A link, as browsers follow
        no form to another port (`form-action`)."""
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise NotFoundError
        server = tomllib.loads((folder / "server.toml").read_text(encoding="utf-8"))
        url = f"http://127.0.0.1:{server['port']}"
        signed_in = httpx2.post(
            f"{url}/control/sign-in",
            data={"token": Path(server["token_file"]).read_text(encoding="utf-8")},
            headers={"Origin": url},
            timeout=20,
            verify=NO_AUTHORITIES,
        )
        answer = RedirectResponse(f"{url}/control?lang={page.language}", 303)
        for cookie in signed_in.headers.get_list("set-cookie"):
            answer.headers.append("set-cookie", cookie)
        return answer

    app.include_router(router)


def _persona(person: str) -> dict[str, Any]:
    """Raises NotFoundError: nobody but the demo's people is signed in so."""
    for one in _TOLD["persona"]:
        if one["person"] == person and not one.get("control_room"):
            return dict(one)
    raise NotFoundError
