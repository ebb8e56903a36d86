"""Answers with a page of the control room in the reader's language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from analytics.api.context import reader_language
from analytics.i18n import LANGUAGE_COOKIE, LANGUAGES, texts

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

_templates = Jinja2Templates(Path(__file__).parent / "templates")

Lang = Annotated[str | None, Query(max_length=5)]


def render(request: Request, name: str, lang: str | None = None, status: int = 200, **values: Any) -> HTMLResponse:
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
