"""Connection to InfluxDB: writes line protocol and reads InfluxQL results. No message contains the token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import httpx2

from stores.influxdb_answers import DatabaseUnknownError, Place, Series, StateRow
from stores.state_store import StoreUnavailableError
from telemetry.measurements import STATE

TIMEOUT_S = 30.0
"""The longest silence: portions of a large answer follow each other much faster."""
_NO_POINTS = 400
"""InfluxDB 3 refuses a request without points, 2 takes it."""
_PACKED = "application/x-msgpack"
_STATEMENTS_PER_REQUEST = 100
_LONG_QUERY = 4000
"""From so many characters on, a query is sent as a form: servers and proxies bound the length of a URL."""

AskedT = TypeVar("AskedT")


class InfluxConnection:
    """Reads and writes one bucket of one server."""

    def __init__(self, url: str, bucket: str, token: str, org: str) -> None:
        self._place = Place(url.rstrip("/"), org, bucket)
        # Uncompressed: packing a large answer is more than a third of what it costs the server.
        headers = {"Authorization": f"Token {token}", "Accept-Encoding": "identity"}
        hooks: dict[str, list[Any]] = {"request": [self._trace], "response": [self._look]}
        self._http = httpx2.Client(base_url=self._place.url, headers=headers, timeout=TIMEOUT_S, event_hooks=hooks)
        self._packs = False
        """Whether the server's last answer said that it is InfluxDB 1 or 2, which have MessagePack; 3 refuses who asks for it."""
        self.interruptions = 0
        """How often a connection was opened, or a request had no answer, also of a server behind a proxy: it may have been restarted then."""

    def _trace(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._hear}

    def _hear(self, event: str, _: Any) -> None:
        if event == "connection.connect_tcp.complete":
            self.interruptions += 1

    def _look(self, answer: httpx2.Response) -> None:
        self._packs = answer.headers.get("x-influxdb-version", "").startswith(("1.", "2.", "v1.", "v2."))
        if answer.is_server_error:
            self.interruptions += 1

    def _unanswered(self, error: httpx2.HTTPError) -> StoreUnavailableError:
        self.interruptions += 1
        return self._place.unanswered(error)

    def write(self, lines: list[str]) -> None:
        """Write lines of line protocol, times in milliseconds; durable on return. Raises as `StateStore.write`."""
        if lines:
            self._require_success(self._post_points("\n".join(lines).encode()))

    def query(self, statements: list[str]) -> list[list[Series[list[Any]]]]:
        """Run InfluxQL statements with small answers; returns the series of each."""
        found: list[list[Series[list[Any]]]] = [[] for _ in statements]
        if statements:
            for result in self._place.results(self._answer(_method(statements), statements)):
                found[result.statement_id] += result.series
        return found

    def ask(self, statement: str) -> list[Series[list[Any]]]:
        """Run one InfluxQL statement with a small answer; returns its series."""
        return self.query([statement])[0]

    def states(self, statement: str) -> list[Series[StateRow]]:
        """As `ask`, for a statement that selects the fields of `StateRow`."""
        return self._place.states(self._answer(_method([statement]), [statement]))

    def stream(self, statements: Sequence[str], *, texts: bool) -> Iterator[tuple[int, list[StateRow]]]:
        """Run InfluxQL statements that select the fields of `StateRow` and whose answer may be large; yields rows as they arrive, with the
        number of the statement that they answer. `texts`: whether they select what people and machines have written.

        The server sends what it has read so far, so neither side holds the whole answer, and the first part comes soon.
        """
        parameters = {**self._parameters(), "chunked": "true"}
        # Half of what JSON costs the server; but a text may look as if a portion began in it.
        headers = {"Accept": _PACKED} if self._packs and not texts else {}
        try:
            with self._http.stream(**_request(_method(statements), statements, parameters), headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                    self._require_success(answer)
                packed = answer.headers.get("content-type") == _PACKED
                yield from self._place.streamed(answer.iter_bytes(), len(statements), packed=packed)
        except httpx2.HTTPError as error:
            raise self._unanswered(error) from error

    def check(self, *, writes: bool = True) -> None:
        """Raises StoreUnavailableError unless the token may read the bucket and, if `writes`, write to it. Changes nothing."""
        place = self._place
        if writes:
            # A request without points: of organisation, bucket and permission InfluxDB says more when it is to write than when it is asked.
            answer = self._post_points(b"")
            if answer.status_code != _NO_POINTS:
                self._require_success(answer)
        try:
            self.ask(f"SHOW TAG VALUES FROM {STATE} WITH KEY = factory")
        except DatabaseUnknownError as error:
            raise (place.unmapped() if writes else error) from error

    def change(self, statements: list[str]) -> None:
        """Run statements that delete or create. Raises StoreRefusedError where the server does not have them."""
        if statements:
            self._place.results(self._answer("POST", statements))

    def close(self) -> None:
        self._http.close()

    def _post_points(self, body: bytes) -> httpx2.Response:
        parameters = {"org": self._place.org, "bucket": self._place.bucket, "precision": "ms"}
        try:
            return self._http.post("/api/v2/write", params=parameters, content=body)
        except httpx2.HTTPError as error:
            raise self._unanswered(error) from error

    def _answer(self, method: str, statements: list[str]) -> bytes:
        try:
            # Of several statements in one document, 2.7 replaces the error of one by that it was not executed; in portions both are said.
            more = {"chunked": "true"} if len(statements) > 1 else {}
            answer = self._http.request(**_request(method, statements, {**self._parameters(), **more}))
        except httpx2.HTTPError as error:
            raise self._unanswered(error) from error
        self._require_success(answer)
        return answer.content

    def _require_success(self, answer: httpx2.Response) -> None:
        """Raises what an answer means that is no success. A redirect is none either: whatever sent it has stored nothing, and has no data."""
        if not answer.is_success:
            raise self._place.error(answer.status_code, answer.text or answer.reason_phrase)

    def _parameters(self) -> dict[str, str]:
        return {"db": self._place.bucket, "epoch": "ms"}


def _method(statements: Sequence[str]) -> str:
    return "GET" if sum(map(len, statements)) < _LONG_QUERY else "POST"


def _request(method: str, statements: Sequence[str], parameters: dict[str, str]) -> dict[str, Any]:
    """The arguments of a request to `/query`."""
    text = "; ".join(statements)
    if method == "GET":
        return {"method": "GET", "url": "/query", "params": {**parameters, "q": text}}
    return {"method": "POST", "url": "/query", "params": parameters, "data": {"q": text}}


def portions(asked: list[AskedT]) -> Iterator[list[AskedT]]:
    """What one request each is to ask, a statement for each item."""
    for first in range(0, len(asked), _STATEMENTS_PER_REQUEST):
        yield asked[first : first + _STATEMENTS_PER_REQUEST]


def quoted(text: str) -> str:
    """The text as an InfluxQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def and_machine_in(machines: Sequence[str] | None) -> str:
    """An InfluxQL condition to append to another one; empty for None, which means all machines."""
    if machines is None:
        return ""
    return " AND (" + " OR ".join(f"machine = {quoted(name)}" for name in machines) + ")"


def escaped(text: str) -> str:
    """The text of a string field in line protocol, without its quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
