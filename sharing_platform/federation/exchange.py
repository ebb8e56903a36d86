"""Talks to the neighbours, in a thread that no page waits for: sends what waits for them and reads their feeds.

A neighbour that does not answer, or answers slowly, costs nobody else anything: there is a thread for each, an end to every request, and the longer it is away the more seldom it is asked.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.federation import answering, asking, forwarding, neighbours, receiving
from sharing_platform.federation.feed import FeedWriter, forget_gone
from sharing_platform.federation.forwarding import Asked
from sharing_platform.federation.keys import OwnKey, find_own_key
from sharing_platform.federation.merging import merge
from sharing_platform.federation.messages import EndedOut, FeedPage, HomeRequest
from sharing_platform.federation.models import AGREED, ForwardedRequest, Neighbour, UsedNonce
from sharing_platform.federation.signatures import UntrustedError, sign_request, verify_answer
from sharing_platform.federation.transport import Ask, AwayError, HttpRequest

API = "/api/v1/federation"
EVERY = timedelta(seconds=3)
_SELDOMEST = timedelta(seconds=30)
"""A neighbour that is away is asked so often: within a minute of its return, all is up to date."""
_CLAIM = timedelta(minutes=2)
_MOST_PAGES = 250
_MOST_SENT = 50
_JSON = "application/json"
_FORGET_EVERY = timedelta(minutes=5)

_M = TypeVar("_M", bound=BaseModel)
_log = logging.getLogger(__name__)


class _EndedThereError(Exception):
    """The other side has ended the exchange."""


class _NotAgreedError(Exception):
    """The other side does not know us, or has not agreed yet."""


class _FailedThereError(AwayError):
    """The other side has failed, perhaps at this request alone."""


@dataclass(frozen=True)
class _Peer:
    """A neighbour while it is talked to."""

    id: str
    url: str
    public_key: str
    agreed: datetime | None


class Exchange:
    """`run` is called every few seconds, and waits for nobody. Several processes share the neighbours among them. `patience_s`: so long a test waits for what is said in a round."""

    def __init__(
        self, context: PlatformContext, feed: FeedWriter, ask: Ask, stopping: Callable[[], bool] = lambda: False,
        patience_s: float = 0,
    ) -> None:  # fmt: skip
        self._context = context
        self._feed = feed
        self._ask = ask
        self._stopping = stopping
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(neighbours.MOST, "platform-neighbour")
        self._under_way: dict[str, Future[None]] = {}
        self._forgot: datetime | None = None

    def run(self) -> None:
        try:
            self._feed.write()
        finally:  # what cannot be told must not keep us from hearing what others tell
            self._visit_all()
        now = self._context.now()
        if self._forgot is None or now - self._forgot >= _FORGET_EVERY:
            self._forgot = now
            with self._context.sessions.begin() as session:
                session.execute(delete(UsedNonce).where(UsedNonce.expires <= now))
                forget_gone(session, now)
                answering.forget_refused(session, now)
                asking.give_up(self._context, session, now)

    def stop(self) -> None:
        """Wait for what is under way; once it is stopping, a visit ends with the message that it is at."""
        self._pool.shutdown()

    def _visit_all(self) -> None:
        self._settle()
        visits: list[Future[None]] = []
        for peer in self._claim(self._context.now()):
            if peer.id not in self._under_way:
                self._under_way[peer.id] = self._pool.submit(self._visit, peer)
                visits.append(self._under_way[peer.id])
        wait(visits, self._patience_s)
        self._settle()

    def _settle(self) -> None:
        """What one visit has raised must not keep the others from being made."""
        ended = [peer_id for peer_id, visit in self._under_way.items() if visit.done()]
        for visit in [self._under_way.pop(peer_id) for peer_id in ended]:
            if (error := visit.exception()) is not None:
                _log.error("What a neighbour says could not be kept.", exc_info=error)

    def _claim(self, now: datetime) -> list[_Peer]:
        """Those that are due, so that no other process asks them meanwhile."""
        query = select(Neighbour).where(Neighbour.state == AGREED, Neighbour.due <= now)
        with read_session(self._context.sessions) as session:
            if session.scalars(query.limit(1)).first() is None:
                return []  # usually; looking blocks no writer
        with self._context.sessions.begin() as session:
            due = session.scalars(query.with_for_update(skip_locked=True)).all()
            for neighbour in due:
                neighbour.due = now + _CLAIM
            return [_Peer(one.id, one.url, one.public_key, one.agreed) for one in due]

    def _visit(self, peer: _Peer) -> None:
        heard = False
        try:
            with read_session(self._context.sessions) as session:
                key = find_own_key(session)
            if key is None:
                return
            talk = _Talk(self._context, peer, key, self._ask)
            trouble = talk.send_all(self._stopping)
            talk.read_feed(self._stopping)
            heard = True
            trouble = talk.reconcile(self._stopping) or trouble
        except _EndedThereError:
            with self._context.sessions.begin() as session:
                neighbours.end(self._context, session, session.get_one(Neighbour, peer.id), None, there=True)
            self._context.wake_workers()
            return
        except _NotAgreedError:
            trouble = "not_agreed"
        except UntrustedError as error:
            trouble = "untrusted"
            _log.warning("The answer of %s is not to be trusted: %s.", peer.url, error)
        except AwayError:
            trouble = "away"
        except Exception:  # noqa: BLE001 - what one neighbour says must not keep the others from being asked
            trouble = "unreadable"
            _log.exception("What %s says could not be read.", peer.url)
        self._visited(peer, trouble, heard)

    def _visited(self, peer: _Peer, trouble: str, heard: bool) -> None:
        """`heard`: its feed was read, whatever became of our requests."""
        now = self._context.now()
        with self._context.sessions.begin() as session:
            neighbour = session.get_one(Neighbour, peer.id, with_for_update=True)
            if neighbour.state != AGREED:
                return
            if trouble != neighbour.trouble:
                _log.info("%s: %s.", peer.url, trouble or "in touch")
            neighbour.trouble = trouble
            neighbour.failures = neighbour.failures + 1 if trouble else 0
            wait = min(EVERY * 2 ** min(neighbour.failures, 10), _SELDOMEST) if trouble else EVERY
            neighbour.due = now + wait
            if heard:
                neighbour.heard = now


class _Talk:
    """One visit. Raises AwayError, UntrustedError, `_EndedThereError`, `_NotAgreedError`."""

    def __init__(self, context: PlatformContext, peer: _Peer, key: OwnKey, ask: Ask) -> None:
        self._context = context
        self._peer = peer
        self._key = key
        self._ask = ask
        self._doubtful: set[str] = set()

    def send_all(self, stopping: Callable[[], bool]) -> str:
        """Returns what is wrong with an answer: one request that the other platform cannot take must not keep the others away, nor its feed."""
        return self._each({one: partial(self._send, one, state) for one, state in self._waiting()}, stopping)

    def _each(self, steps: Mapping[str, Callable[[], None]], stopping: Callable[[], bool]) -> str:
        """By request; returns what is wrong with an answer."""
        trouble = ""
        for request_id, step in steps.items():
            if stopping():
                break
            try:
                step()
            except _FailedThereError:
                trouble = "unreadable"
                _log.warning("%s fails at the request %s.", self._peer.url, request_id)
            except UntrustedError as error:
                trouble = "untrusted"
                _log.warning("The answer of %s about a request is not to be trusted: %s.", self._peer.url, error)
        return trouble

    def _send(self, request_id: str, state: Asked) -> None:
        match state:
            case Asked.ASKING:
                with read_session(self._context.sessions) as session:
                    wanted = asking.message_for(session, session.get_one(ForwardedRequest, request_id))
                self._tell(request_id, "", wanted)
            case Asked.CANCELLING:
                self._tell(request_id, "/cancellation", None, cancels=True)
            case _:
                with read_session(self._context.sessions) as session:
                    contact = asking.contact_for(session, session.get_one(ForwardedRequest, request_id))
                self._tell(request_id, "/contact", contact)
                with self._context.sessions.begin() as session:
                    request = session.get_one(ForwardedRequest, request_id, with_for_update=True)
                    if asking.contact_for(session, request) == contact:
                        request.contact = asking.SAID

    def _waiting(self) -> list[tuple[str, Asked]]:
        own = ForwardedRequest.neighbour_id == self._peer.id
        unsent = ForwardedRequest.state.in_((Asked.ASKING, Asked.CANCELLING))
        unsaid = ForwardedRequest.state.in_(forwarding.AGREED) & (ForwardedRequest.contact == asking.UNSAID)
        query = select(ForwardedRequest.id, ForwardedRequest.state).where(
            own, unsent | unsaid | (ForwardedRequest.contact == asking.FORGET)
        )
        with read_session(self._context.sessions) as session:
            rows = session.execute(query.order_by(ForwardedRequest.asked).limit(_MOST_SENT))
            return [(row.id, Asked(row.state)) for row in rows]

    def _tell(self, request_id: str, part: str, message: BaseModel | None, cancels: bool = False) -> None:
        news = self._said("PUT", f"/requests/{request_id}{part}", message, HomeRequest)
        if news.id != request_id:
            raise UntrustedError("it answers about another request")
        with self._context.sessions.begin() as session:
            request = session.get_one(ForwardedRequest, request_id, with_for_update=True)
            if asking.contradicts(request, news):
                self._doubtful.add(request_id)
            asking.take_news(self._context, session, request, news, self._context.now(), cancels)
        self._context.wake_workers()

    def reconcile(self, stopping: Callable[[], bool]) -> str:
        """Ask how those stand of which home says otherwise than before, or nothing any more. Returns what is wrong with an answer, as `send_all`."""
        return self._each({one: partial(self._reconcile, one) for one in sorted(self._doubtful)}, stopping)

    def _reconcile(self, request_id: str) -> None:
        news = self._said("GET", f"/requests/{request_id}", None, HomeRequest)
        if news.id != request_id:
            raise UntrustedError("it answers about another request")
        with self._context.sessions.begin() as session:
            request = session.get_one(ForwardedRequest, request_id, with_for_update=True)
            now = self._context.now()
            asking.take_news(self._context, session, request, news, now)
            asking.reconcile(self._context, session, request, news, now)
        self._context.wake_workers()

    def read_feed(self, stopping: Callable[[], bool]) -> None:
        with read_session(self._context.sessions) as session:
            reading = receiving.reading_of(session.get_one(Neighbour, self._peer.id), self._context.now())
        named: set[str] = set()
        for _ in range(_MOST_PAGES):
            query = f"?{urlencode({'mark': reading.mark})}" if reading.mark is not None else ""
            page = self._said("GET", f"/feed{query}", None, FeedPage)
            merged = merge(reading, page)
            if merged.unreadable:
                _log.warning("%d things that %s shares are not understood.", merged.unreadable, self._peer.url)
            with self._context.sessions.begin() as session:
                neighbour = session.get_one(Neighbour, self._peer.id, with_for_update=True)
                if neighbour.state != AGREED:
                    return  # it was ended while it was read
                now = self._context.now()
                receiving.keep(session, neighbour, merged, now)
                neighbour.zone = page.zone
                told = self._take_news(session, merged.requests, now)
                named = {one.id for one in merged.requests} | (named if not page.reset else set())
                if merged.gone_but is not None:
                    self._doubtful |= set(asking.lost_ids(session, self._peer.id, named))
            if told:
                self._context.wake_workers()
            reading = merged.reading
            if not page.more or stopping():
                return

    def _take_news(self, session: Session, news: tuple[HomeRequest, ...], now: datetime) -> bool:
        told = False
        for one in news:
            request = session.get(ForwardedRequest, one.id, with_for_update=True)
            if request is not None and request.neighbour_id == self._peer.id:
                if asking.contradicts(request, one):
                    self._doubtful.add(one.id)
                asking.take_news(self._context, session, request, one, now)
                told = True
        return told

    def _said(self, method: str, path: str, message: BaseModel | None, kind: type[_M]) -> _M:
        """A signed request, and what the signed answer says."""
        body = message.model_dump_json().encode() if message is not None else b""
        headers = {"accept": _JSON, "accept-encoding": "identity"} | ({"content-type": _JSON} if body else {})
        request = sign_request(
            HttpRequest(method, f"{self._peer.url}{API}{path}", headers, body),
            self._key,
            secrets.token_urlsafe(24),
            self._context.now(),
        )
        answer = self._ask(request)
        if answer.status >= 500:
            raise _FailedThereError  # or whatever stands in front of it
        if answer.status == 401:
            raise _NotAgreedError  # it signs nothing for whom it does not know
        verify_answer(answer, request, self._peer.public_key, self._context.now())
        try:
            if answer.status == 410:
                ended = EndedOut.model_validate_json(answer.body).at
                # What ended before we agreed is the exchange before: over there, nobody has begun anew yet.
                raise _EndedThereError if self._peer.agreed is None or ended >= self._peer.agreed else _NotAgreedError
            if answer.status != 200:
                raise AwayError
            return kind.model_validate_json(answer.body)
        except ValidationError as error:
            raise UntrustedError("it says something else than it was asked for") from error
