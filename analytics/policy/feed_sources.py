"""Fetches what a feed says: from a file, a URL, or a CalDAV server (RFC 4791)."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import httpx2
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from analytics.http_answers import AnswerTooLargeError, asked, read_answer
from analytics.i18n import texts
from analytics.policy.policy import CalendarFeed
from telemetry import UserError
from telemetry.broker import read_secret_file

logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it logs whole URLs, which may contain secrets

MAX_FEED_BYTES = 10 * 1024 * 1024
_TIMEOUT_S = 10.0
_MOST_S = 60.0
"""For a whole answer, however slowly it comes."""

_DAV, _CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR">
<C:comp-filter name="VEVENT"><C:time-range start="{start}" end="{end}"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"""
_WHAT_IS_HERE = """<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/></D:prop></D:propfind>"""
_EMPTY_CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Vrijloop//EN\r\nEND:VCALENDAR\r\n"
_UNREADABLE_ENTRY = "BEGIN:VCALENDAR\r\n"
"""Stands for an entry that the server did not give, so that it is counted."""


@dataclass(frozen=True)
class FeedProblem:
    """Why a feed cannot be read now."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def written(self, language: str) -> str:
        return texts(language)[f"calendar_problem_{self.code}"].format(**self.values)


class FeedError(Exception):
    """A feed cannot be read."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.problem = FeedProblem(code, values)


def fetch(feed: CalendarFeed, start: datetime, end: datetime) -> bytes:
    """The content of a feed; of a CalDAV calendar what lies between two moments. Raises FeedError."""
    try:
        if feed.kind == "caldav":
            return _ask_caldav(feed, start, end)
        if feed.is_url:
            return _send(feed, "GET")
        path = Path(feed.source.removeprefix("file://"))
        _check_size(path.stat().st_size)
        return path.read_bytes()
    except httpx2.HTTPStatusError as error:
        code = "not_let_in" if error.response.status_code in (401, 403) else "answered"
        raise FeedError(code, status=error.response.status_code) from error
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FeedError("not_read", why=type(error).__name__) from error


def _ask_caldav(feed: CalendarFeed, start: datetime, end: datetime) -> bytes:
    """Every entry is a calendar of its own; they come one after the other."""
    first, last = (f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" for moment in (start, end))
    found = _multistatus(_send(feed, "REPORT", _QUERY.format(start=first, end=last), depth=1))
    entries = found.findall(f"{_DAV}response")
    if not entries and not _is_calendar(feed):
        raise FeedError("not_a_caldav_calendar")
    data = [entry.findtext(f"{_DAV}propstat/{_DAV}prop/{_CALDAV}calendar-data") for entry in entries]
    texts_of_entries = (f"{text}\r\n" if text else _UNREADABLE_ENTRY for text in data)
    return "".join([_EMPTY_CALENDAR, *texts_of_entries]).encode()


def _is_calendar(feed: CalendarFeed) -> bool:
    """Whether there is a calendar at the URL: a folder of calendars, too, answers that it has no events."""
    found = _multistatus(_send(feed, "PROPFIND", _WHAT_IS_HERE, depth=0))
    return found.find(f".//{_DAV}resourcetype/{_CALDAV}calendar") is not None


def _multistatus(content: bytes) -> Element:
    try:
        found: Element = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # the last two: of encodings
        raise FeedError("not_a_caldav_calendar") from error
    if found.tag != f"{_DAV}multistatus":
        raise FeedError("not_a_caldav_calendar")
    return found


def _send(feed: CalendarFeed, method: str, body: str | None = None, depth: int | None = None) -> bytes:
    headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": str(depth)} if body is not None else {}
    with (
        httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=True) as client,
        asked(client, method, feed.source, _MOST_S, headers, content=body, auth=_auth(feed)) as answer,
    ):
        answer.raise_for_status()
        try:
            return read_answer(answer, MAX_FEED_BYTES)
        except AnswerTooLargeError:
            raise _too_large() from None


def _auth(feed: CalendarFeed) -> httpx2.Auth | None:
    if feed.user is None or feed.password_file is None:
        return None
    try:
        return _PasswordAuth(feed.user, read_secret_file(feed.password_file, "password of the calendar"))
    except UserError as error:
        raise FeedError("no_password", file=feed.password_file) from error


class _PasswordAuth(httpx2.Auth):
    """Basic authentication, and Digest where the server asks for it, as SabreDAV and its kin do."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = httpx2.BasicAuth(user, password)
        self._digest = httpx2.DigestAuth(user, password)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        answer = yield next(self._basic.auth_flow(request))
        if answer.status_code == 401 and "digest" in answer.headers.get("WWW-Authenticate", "").lower():
            del request.headers["Authorization"]
            yield from self._digest.auth_flow(request)


def _check_size(size: int) -> None:
    if size > MAX_FEED_BYTES:
        raise _too_large()


def _too_large() -> FeedError:
    return FeedError("too_large", most=MAX_FEED_BYTES // 2**20)
