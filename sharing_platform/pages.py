"""What all pages share: templates, the visitor's language, and forms. Knows no domain; each domain's templates lie in its own folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from sharing_platform.dependencies import PlatformContext, get_context
from sharing_platform.errors import InvalidError, PlatformError
from sharing_platform.i18n import DEFAULT_LANGUAGE, LANGUAGES, Translator
from sharing_platform.template_environment import PageEnvironment

_M = TypeVar("_M", bound=BaseModel)

_ROOT = Path(__file__).parent
_COOKIE_S = 31_536_000
_MAX_FIELDS = 200

_LOADER = FileSystemLoader([_ROOT / "templates", *sorted(_ROOT.glob("*/templates"))])
TEMPLATES = Jinja2Templates(
    env=PageEnvironment(
        loader=_LOADER,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
)
"""Template names are unique over all domains (a test holds that)."""

Form = dict[str, str]


@dataclass(frozen=True)
class InstallationNotice:
    """What this installation says above every page, and where it leads; texts by language."""

    said: Mapping[str, str]
    link: Mapping[str, str]
    address: str


def add_templates(folder: Path) -> None:
    """Templates of pages that are no part of the platform. Those of the platform go before."""
    TEMPLATES.env.loader = ChoiceLoader([_LOADER, FileSystemLoader(folder)])


def render(
    request: Request, context: PlatformContext, template: str, status: int = 200, **values: object
) -> HTMLResponse:
    """Answer with a template, in the visitor's language. `t` in templates is the `Translator`."""
    translator = Translator(language_of(request), context.zone)
    here, query = _address(request)
    others = [
        (code, name, f"{here}?{urlencode([*query, ('lang', code)])}")
        for code, name in LANGUAGES.items()
        if code != translator.language
    ]
    shown = {
        "t": translator, "now": context.now(), "languages": others, "actor": None, "person": None, "path": request.url.path,
        "site_url": context.url, "given": {}, "problems": {}, "notice": None, "installation": getattr(request.app.state, "installation_notice", None), **values,
    }  # fmt: skip
    answer = TEMPLATES.TemplateResponse(request, template, shown, status_code=status)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(
            "lang", translator.language, max_age=_COOKIE_S, samesite="lax", httponly=True, secure=context.secure
        )
    return answer


def _address(request: Request) -> tuple[str, list[tuple[str, str]]]:
    """Path and query (without the language) of the page that somebody looks at. The answer to a form is shown at the address of its action, which may be no page: it belongs
    to the page the form was on."""
    if request.method in ("GET", "HEAD"):
        return "", [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    came_from = urlsplit(request.headers.get("referer", ""))
    path = came_from.path if came_from.netloc == request.url.netloc else "/"
    return safe_next_path(path), []


def with_problems(
    error: PlatformError | None, given: Mapping[str, object], problems: Mapping[str, str]
) -> tuple[int, dict[str, object]]:
    """Status and template values of a form that is shown again."""
    found = dict(problems)
    if isinstance(error, InvalidError):
        found[error.field] = error.code
    notice = error.code if error is not None and not isinstance(error, InvalidError) else None
    status = error.status if error is not None else 422
    return status, {"given": dict(given), "problems": found, "notice": notice}


def redirect(path: str, done: str | None = None) -> RedirectResponse:
    """On to another page, which shows the message `done_<done>`."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}" if done else path, 303)


async def read_form(request: Request) -> Form:
    """The form's fields; the values of a field that comes several times are joined by line breaks."""
    fields: Form = {}
    data = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    for name, value in data.multi_items():
        if not isinstance(value, UploadFile):
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields


FormData = Annotated[Form, Depends(read_form)]


@dataclass(frozen=True)
class UploadForm:
    """A form's fields, and the files that were chosen."""

    fields: Form
    files: Sequence[UploadFile] = ()


@asynccontextmanager
async def open_upload_form(request: Request, max_files: int) -> AsyncIterator[UploadForm]:
    """A form with files, which are gone afterwards. To be called once it is known who sends it."""
    async with request.form(max_files=max_files, max_fields=_MAX_FIELDS) as data:
        fields: Form = {}
        files = []
        for name, value in data.multi_items():
            if isinstance(value, str):
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            elif value.filename:  # a browser sends a file without a name where none was chosen
                files.append(value)
        yield UploadForm(fields, files)


def validate_form(model: type[_M], fields: Mapping[str, Any]) -> tuple[_M | None, dict[str, str]]:
    """The fields as the API would take them, or None and the names of those that are wrong. Empty fields are left out."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value not in ("", None, [])}), {}
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for problem in error.errors():
            wrong[str(problem["loc"][0]) if problem["loc"] else "form"] = "field"
        return None, wrong


def language_of(request: Request) -> str:
    """From the query, else the cookie, else what the browser prefers, else Dutch."""
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    if asked in LANGUAGES:
        return asked
    for preferred in request.headers.get("accept-language", "").split(","):
        code = preferred.split(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT_LANGUAGE


def problem_page(
    request: Request,
    status: int,
    code: str,
    headers: dict[str, str],
    visitor: Mapping[str, object],
    number: str | None = None,
) -> Response:
    """What is wrong and where to go on; `visitor`: who is signed in, for the layout; `number` identifies the request in the log. A visitor who is not signed in is sent to the
    sign-in page, and back afterwards."""
    if status == 401 and request.method == "GET":
        wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"/sign-in?{urlencode({'next': wanted})}", 303)
    answer = render(request, get_context(request), "problem.html", status, **visitor, code=code, number=number)
    answer.headers.update(headers)
    return answer


def safe_next_path(wanted: str | None) -> str:
    """Where to go after signing in: a page of this platform, whatever the address asked for."""
    try:
        parts = urlsplit(wanted or "")
    except ValueError:  # not an address
        return "/desk"
    safe = wanted and wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if wanted and safe else "/desk"


def local_moment(text: str, zone: str) -> datetime:
    """A time of a form, as it is said there: without an offset, in this zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))


def split_lines(text: str | None) -> list[str]:
    """Items of a field in which people write one per line, or separated by commas."""
    return [part.strip() for line in (text or "").splitlines() for part in line.split(",") if part.strip()]


def decimal_point(text: str | None) -> str | None:
    """A number as Belgians write it (`7,5`), with a decimal point."""
    return text.replace(",", ".").strip() if text else None
