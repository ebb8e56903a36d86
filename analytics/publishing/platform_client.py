"""Client of the sharing platform: the protocol that analytics needs, and its HTTP implementation."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Protocol, TypeVar

import httpx2
import msgspec

from analytics.http_answers import AnswerTooLargeError, asked, read_answer
from analytics.policy.policy import EARLIEST_PLAN, LATEST_PLAN
from analytics.policy.prices import TimedPrice
from analytics.policy.slot import Slot, Window
from analytics.publishing.network_figures import ContributionRefusedError, Network
from analytics.publishing.reconcile import Offer
from telemetry import rfc3339

_log = logging.getLogger(__name__)

_TIMEOUT_S, _WHOLE_S = 5.0, 60.0
_MOST_BYTES, _MOST_PAGES = 20_000_000, 500
"""Of one page, and of an answer in pages: half a million offers of one factory."""
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class PlatformUnavailableError(Exception):
    """The platform did not answer or answered with an error. The message has the URL and the reason."""


class OfferTakenError(Exception):
    """The offer has been booked in the meantime and can be neither changed nor withdrawn."""


@dataclass(frozen=True, slots=True)
class Booking:
    """Hours of a machine that are booked or, if `held`, requested and waiting for the factory's answer; or, if `kept`, that the factory keeps for itself: since
    it declined a request, or because its people said so on the platform."""

    id: str
    machine: str
    start: datetime
    end: datetime
    held: bool = False
    kept: bool = False

    @property
    def agreed(self) -> bool:
        return not self.held and not self.kept


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of an offer. Prices in euros without VAT; `prices`: hours that cost another one. `visibility`: public, members or partners (those in `partners`
    only). `booking`: instant or on_request. `minimum`: shortest part that can be booked, None for the whole only.
    `maximum`: longest part. `buffer`: time between two bookings. `anonymous`: whether others learn whose the machine is only once a
    booking is accepted."""

    operator: str = "included"
    price_per_hour: Decimal | None = None
    price_minimum: Decimal | None = None
    visibility: str = "public"
    partners: tuple[str, ...] = ()
    booking: str = "instant"
    minimum: timedelta | None = None
    maximum: timedelta | None = None
    buffer: timedelta = timedelta(0)
    anonymous: bool = False
    prices: tuple[TimedPrice, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineCard:
    """What the platform shows of a machine: what it is and, if the factory allows, its current state."""

    machine: str
    title: str
    process: str
    now: str
    since: datetime | None
    anonymous: bool = False


class SharingPlatform(Protocol):
    """Operations of a sharing platform. All raise PlatformUnavailableError and may be repeated."""

    def offers(self, factory: str) -> Sequence[Offer]:
        """The factory's open offers that have not ended."""
        ...

    def bookings(self, factory: str) -> Sequence[Booking]:
        """The factory's bookings that have not ended, and the hours that it keeps for itself."""
        ...

    def put_offer(self, factory: str, offer: Offer, terms: Terms) -> None:
        """Create or change an offer. Raises OfferTakenError."""
        ...

    def withdraw(self, offer_id: str) -> None:
        """Withdraw an offer; it is no error if it does not exist. Raises OfferTakenError."""
        ...

    def cancel_request(self, booking_id: str) -> None:
        """Cancel a request that the factory has not answered; it is no error if it does not exist or was answered in
        the meantime."""
        ...

    def put_machine(self, factory: str, card: MachineCard) -> None:
        """Create or change what is shown of a machine."""
        ...


class _WindowRow(msgspec.Struct):
    """Of an offer."""

    start: _Moment
    end: _Moment
    probability: _Probability


class _OfferRow(_WindowRow, kw_only=True):
    """Of the answer, what is read of an offer."""

    id: str
    machine: str
    checked: _Count
    broken: _Count
    windows: list[_WindowRow]
    by_hand: bool = False


class _BookingRow(msgspec.Struct):
    """Of the answer, what is read of a booking or of kept hours."""

    id: str
    machine: str | None
    start: _Moment
    end: _Moment
    state: str = ""


_Answer = TypeVar("_Answer")
_Row = TypeVar("_Row", _OfferRow, _BookingRow)


class _Page(Protocol[_Row]):
    """What is read of an answer. `next`: where it goes on."""

    rows: list[_Row]
    next: str | None


class _Offers(msgspec.Struct):
    """Of a factory."""

    rows: list[_OfferRow] = msgspec.field(name="offers")
    next: str | None = None


class _Bookings(msgspec.Struct):
    """Of a factory."""

    rows: list[_BookingRow] = msgspec.field(name="bookings")
    next: str | None = None


class _Kept(msgspec.Struct):
    """Hours that a factory keeps for itself."""

    rows: list[_BookingRow] = msgspec.field(name="kept")
    next: str | None = None


class HttpSharingPlatform:
    """Vrijloop's own platform over `/api/v1`. `tests/analytics/publishing/test_platform_contract.py` holds it to the
    protocol."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = self._client()

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S)

    def offers(self, factory: str) -> list[Offer]:
        rows = self._pages("/api/v1/offers", _Offers, {"factory": factory, "limit": 1000})
        # What people offer by hand is theirs.
        return [Offer(row.id, _slot(row)) for row in rows if not row.by_hand]

    def bookings(self, factory: str) -> list[Booking]:
        return self._booked(factory) + self._kept()

    def _kept(self) -> list[Booking]:
        """Hours that people keep on the platform itself, of which platforms of before know nothing."""
        answer = self._send("GET", "/api/v1/kept-hours", absent_is_fine=True)
        rows = self._understood(answer, _Kept).rows if answer.status_code != 404 else []
        return [Booking(row.id, row.machine, row.start, row.end, False, True) for row in rows if row.machine]

    def _booked(self, factory: str) -> list[Booking]:
        rows = self._pages("/api/v1/bookings", _Bookings, {"factory": factory, "kept": True, "limit": 1000})
        return [
            Booking(row.id, row.machine, row.start, row.end, row.state == "held", row.state == "declined")
            for row in rows
            if row.machine is not None  # bookings of other things that the factory shares
        ]

    def put_offer(self, factory: str, offer: Offer, terms: Terms) -> None:
        slot = offer.slot
        body: dict[str, Any] = {
            "factory": factory,
            "machine": slot.machine,
            **_span(slot),
            "probability": slot.probability,
            "checked": slot.checked,
            "broken": slot.broken,
            "operator": terms.operator,
            "price_per_hour": None if terms.price_per_hour is None else str(terms.price_per_hour),
            "price_minimum": None if terms.price_minimum is None else str(terms.price_minimum),
            "visibility": terms.visibility,
            "partners": list(terms.partners),
            "booking": terms.booking,
            "minimum_hours": None if terms.minimum is None else terms.minimum / timedelta(hours=1),
            "maximum_hours": None if terms.maximum is None else terms.maximum / timedelta(hours=1),
            "windows": [{**_span(window), "probability": window.probability} for window in slot.windows],
            "buffer_minutes": round(terms.buffer / timedelta(minutes=1)),
            "anonymous": terms.anonymous,
        }
        if terms.prices:
            body["prices"] = [{**_span(one), "price_per_hour": str(one.per_hour)} for one in terms.prices]
        self._send("PUT", f"/api/v1/offers/{offer.id}", json=body, taken=f"offer {offer.id}")

    def withdraw(self, offer_id: str) -> None:
        self._send("DELETE", f"/api/v1/offers/{offer_id}", taken=f"offer {offer_id}", absent_is_fine=True)

    def cancel_request(self, booking_id: str) -> None:
        with contextlib.suppress(OfferTakenError):  # answered in the meantime
            path = f"/api/v1/bookings/{booking_id}/state"
            self._send("POST", path, json={"state": "withdrawn"}, taken=booking_id, absent_is_fine=True)

    def put_machine(self, factory: str, card: MachineCard) -> None:
        body = {
            "title": card.title,
            "process": card.process,
            "now": card.now,
            "since": rfc3339(card.since) if card.since else None,
            "anonymous": card.anonymous,
        }
        self._send("PUT", f"/api/v1/machines/{factory}/{card.machine}", json=body)

    def comparison(self) -> Network:
        """As `ComparisonPlatform` says."""
        return self._decoded(self._send("GET", "/api/v1/comparison"), Network)

    def put_contribution(self, body: bytes) -> None:
        """As `ComparisonPlatform` says."""
        try:
            self._send("PUT", "/api/v1/comparison", taken="comparison", content=body)
        except OfferTakenError:
            raise ContributionRefusedError from None

    def set_comparison(self, takes_part: bool) -> None:
        """As `ComparisonPlatform` says."""
        self._send("PUT", "/api/v1/comparison/participation", json={"takes_part": takes_part})

    def close(self) -> None:
        self._http.close()

    def _pages(self, path: str, kind: type[_Page[_Row]], query: dict[str, Any]) -> list[_Row]:
        rows: list[_Row] = []
        for _ in range(_MOST_PAGES):
            page = self._understood(self._send("GET", path, params=query), kind)
            rows += page.rows
            if page.next is None:
                return rows
            query = {**query, "cursor": page.next}
        raise PlatformUnavailableError(f"Sharing platform {self._url}: its answer to {path} has no end.")

    def _understood(self, answer: httpx2.Response, kind: type[_Page[_Row]]) -> _Page[_Row]:
        """As `_decoded`, with times that offers and bookings can have."""
        page = self._decoded(answer, kind)
        if not all(EARLIEST_PLAN <= one.start < one.end <= LATEST_PLAN for one in _spans(page.rows)):
            raise self._unreadable(answer, "times that no offer or booking has")
        return page

    def _decoded(self, answer: httpx2.Response, kind: type[_Answer]) -> _Answer:
        """Platforms of later versions may say more. Raises PlatformUnavailableError for anything else than what was asked for."""
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(answer, str(error)) from error

    def _unreadable(self, answer: httpx2.Response, why: str) -> PlatformUnavailableError:
        said = f"what it answers to {answer.request.url.path} cannot be read ({why[:200]})"
        return PlatformUnavailableError(f"Sharing platform {self._url}: {said}.")

    def _send(
        self, method: str, path: str, taken: str | None = None, absent_is_fine: bool = False, **request: Any
    ) -> httpx2.Response:
        # The id is logged on both sides, so that a decision of analytics can be found in the platform's log.
        number = uuid.uuid4().hex
        headers = {"X-Request-ID": number} | ({"Content-Type": "application/json"} if "content" in request else {})
        try:
            with asked(self._http, method, path, _WHOLE_S, headers, **request) as streamed:
                content = read_answer(streamed, _MOST_BYTES)
            answer = httpx2.Response(streamed.status_code, content=content, request=streamed.request)
        except AnswerTooLargeError:
            raise PlatformUnavailableError(
                f"Sharing platform {self._url}: {path} is answered at too great a length."
            ) from None
        except httpx2.HTTPError as error:
            if self._http.is_closed:  # as the answer took too long
                self._http = self._client()
            raise PlatformUnavailableError(f"Sharing platform {self._url}: no answer ({error}).") from error
        if method != "GET":
            _log.debug("%s %s: %d", method, path, answer.status_code, extra={"request": number})
        if answer.status_code == 409 and taken is not None:
            raise OfferTakenError(taken)
        if answer.status_code == 404 and absent_is_fine:
            return answer
        if not answer.is_success:
            raise PlatformUnavailableError(
                f"Sharing platform {self._url}: {method} {path} was answered {answer.status_code}: {answer.text[:200]}"
            )
        return answer


def _spans(rows: Sequence[_OfferRow | _BookingRow]) -> Iterator[_WindowRow | _BookingRow]:
    for row in rows:
        yield row
        yield from getattr(row, "windows", ())


def _slot(row: _OfferRow) -> Slot:
    windows = tuple(Window(one.start, one.end, one.probability) for one in row.windows)
    if len(windows) == 1 and (windows[0].start, windows[0].end) == (row.start, row.end):
        # A booking may have left one window of a stretch, whose probability is its own.
        return Slot(row.machine, row.start, row.end, windows[0].probability, row.checked, row.broken)
    return Slot(row.machine, row.start, row.end, row.probability, row.checked, row.broken, windows)


def _span(span: Slot | Window | TimedPrice) -> dict[str, str]:
    return {"start": rfc3339(span.start), "end": rfc3339(span.end)}
