"""What all pages share: language, templates, forms, and how problems look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from sharing_platform.context import Context, MaybeActor, MaybePerson, PlatformContext, context_of
from sharing_platform.errors import InvalidError, PlatformError
from sharing_platform.finding.vocabulary import BY_CODE, BY_NAME, PROCESSES
from sharing_platform.people.access import Actor, Right
from sharing_platform.people.accounts import SignedIn
from sharing_platform.words import DEFAULT_LANGUAGE, LANGUAGES, Words

_M = TypeVar("_M", bound=BaseModel)

_COOKIE_S = 31_536_000
_MAX_FIELDS = 200
_TEMPLATES = Jinja2Templates(
    env=Environment(
        loader=PackageLoader("sharing_platform"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
)

Form = dict[str, str]


@dataclass(frozen=True)
class Shown:
    """One request for a page: who asks, in which language, and how the answer is made."""

    request: Request
    context: PlatformContext
    actor: Actor | None
    person: SignedIn | None

    @property
    def now(self) -> datetime:
        return self.context.now()

    @property
    def organisation(self) -> str | None:
        """For whom the caller speaks, approved or not: their own things they always see."""
        return self.actor.organisation if self.actor is not None else None

    @property
    def viewer(self) -> str | None:
        return self.actor.viewer if self.actor is not None else None

    @property
    def words(self) -> Words:
        return Words(language_of(self.request), self.context.zone)

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        words = self.words
        query = [(key, value) for key, value in self.request.query_params.multi_items() if key != "lang"]
        others = [
            (code, name, f"?{urlencode([*query, ('lang', code)])}")
            for code, name in LANGUAGES.items()
            if code != words.language
        ]
        shown = {
            "t": words, "now": self.now, "languages": others, "actor": self.actor, "person": self.person,
            "Right": Right, "processes": PROCESSES, "process_name": self.process_name, "path": self.request.url.path,
            "given": {}, "problems": {}, "notice": None, **values,
        }  # fmt: skip
        answer = _TEMPLATES.TemplateResponse(self.request, template, shown, status_code=status)
        if self.request.query_params.get("lang") in LANGUAGES:
            secure = self.context.secure
            answer.set_cookie("lang", words.language, max_age=_COOKIE_S, samesite="lax", httponly=True, secure=secure)
        return answer

    def again(
        self,
        template: str,
        error: PlatformError | None,
        given: Mapping[str, object],
        problems: Mapping[str, str],
        **values: object,
    ) -> HTMLResponse:
        """The same form, with what was typed, and what is wrong with it."""
        found = dict(problems)
        if isinstance(error, InvalidError):
            found[error.field] = error.code
        status = error.status if error is not None else 422
        notice = error.code if error is not None and not isinstance(error, InvalidError) else None
        return self.page(template, status, **{**values, "given": dict(given), "problems": found, "notice": notice})

    def to(self, path: str, done: str | None = None) -> RedirectResponse:
        """On to another page, which says what was done."""
        return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}" if done else path, 303)

    def process_name(self, process: str) -> str:
        """A process of the vocabulary, by code or name, in the page's language; other names as they are."""
        known = BY_CODE.get(process) or BY_NAME.get(process.casefold())
        return known.names[language_of(self.request)] if known is not None else process


def shown_of(request: Request, context: Context, actor: MaybeActor, person: MaybePerson) -> Shown:
    return Shown(request, context, actor, person)


async def form_of(request: Request) -> Form:
    """The form's fields; of one that comes several times, a line each."""
    fields: Form = {}
    data = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    for name, value in data.multi_items():
        if not isinstance(value, UploadFile):
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields


Showing = Annotated[Shown, Depends(shown_of)]
Filled = Annotated[Form, Depends(form_of)]


def parsed(model: type[_M], fields: Mapping[str, Any]) -> tuple[_M | None, dict[str, str]]:
    """What was typed, as the API would take it; or the fields that are wrong. Empty fields are left out."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value not in ("", None, [])}), {}
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for one in error.errors():
            wrong[str(one["loc"][0]) if one["loc"] else "form"] = "field"
        return None, wrong


def language_of(request: Request) -> str:
    """From the query, else the cookie, else what the browser prefers, else Dutch."""
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    if asked in LANGUAGES:
        return asked
    for one in request.headers.get("accept-language", "").split(","):
        code = one.split(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT_LANGUAGE


def problem_page(
    request: Request, status: int, code: str, headers: dict[str, str], number: str | None = None
) -> Response:
    """For people: what is wrong, and where to go on; with `number`, what to report it by. Who is not signed in is sent there, and back
    afterwards."""
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/sign-in?{urlencode({'next': request.url.path})}", 303)
    context = context_of(request)
    shown = Shown(request, context, None, None)
    answer = shown.page("problem.html", status, code=code, number=number)
    answer.headers.update(headers)
    return answer


def own_path(wanted: str | None) -> str:
    """Where to go after signing in: a page of ours, whatever stood in the address."""
    try:
        parts = urlsplit(wanted or "")
    except ValueError:  # no address at all
        return "/desk"
    safe = wanted and wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if wanted and safe else "/desk"


def lines(text: str | None) -> list[str]:
    """Of a field in which people write one thing a line, or with commas."""
    return [part.strip() for line in (text or "").splitlines() for part in line.split(",") if part.strip()]


def number(text: str | None) -> str | None:
    """As Belgians write it: 7,5."""
    return text.replace(",", ".").strip() if text else None
