"""What InfluxDB answers, and what its errors mean. Pure: no function here asks a server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from stores.state_store import StoreRefusedError, StoreShutError, StoreUnavailableError

_REFUSED = {400, 405, 413, 422, 501}
_SHUT = {401, 403, 404}
_NO_SUCH_STATEMENT = re.compile(r"not implemented|not supported", re.IGNORECASE)
_TOO_OLD = re.compile(r"retention policy.*dropped=(\d+)", re.DOTALL)
_NO_ROOM = re.compile(r"no space left on device|quota exceeded", re.IGNORECASE)
"""With whatever status: of points of a new machine InfluxDB says then that it refuses them, as if they were not valid."""
_NO_ORGANISATION = re.compile(r"organi[sz]ation\b.*not found")
_NO_BUCKET = re.compile(r"bucket\b.*not found")
_NO_DATABASE = re.compile(r"database not found|no dbrp mapping|retention policy (not set|not found)", re.IGNORECASE)
"""InfluxQL knows a bucket as a database, through a DBRP mapping: which of them is missing, it does not say."""


class PointsTooOldError(StoreRefusedError):
    """Some points are older than the bucket keeps them, and were left out; the others of the request are written."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count


class DatabaseUnknownError(StoreShutError):
    """InfluxQL finds no bucket by this name."""


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class StateRow(msgspec.Struct, array_like=True, gc=False):
    """A row of `machine_state`, times in milliseconds. Of a point that is being written, fields are None.

    A million of them become objects in a third of the time that lists take, as the garbage collector does not look at them.
    """

    since: _Int64
    until: _Int64 | None
    state: str | None
    mode: str | None
    seq: _Int64 | None = 0
    power_w: float | None = None
    reason: str | None = ""
    gateway: str | None = ""


RowT = TypeVar("RowT")
_Values = list[Any]
"""A row of any other measurement: its first value is the time in milliseconds."""


class Series(msgspec.Struct, Generic[RowT], gc=False):
    """One series of a result, or a part of it: its rows and its tags."""

    values: list[RowT] = msgspec.field(default_factory=list)
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Result(msgspec.Struct, Generic[RowT], gc=False):
    """`partial`: more follows, in a further result."""

    statement_id: int = 0
    series: list[Series[RowT]] = msgspec.field(default_factory=list)
    error: str | None = None
    partial: bool = False


class _Answer(msgspec.Struct, Generic[RowT], gc=False):
    """To a DELETE, InfluxDB 1 answers a result without series, and 2 an object without results."""

    results: list[Result[RowT]] = msgspec.field(default_factory=list)
    error: str | None = None


_decoder = msgspec.json.Decoder(_Answer[_Values])
_state_decoder = msgspec.json.Decoder(_Answer[StateRow])
_packed_decoder = msgspec.msgpack.Decoder(_Answer[StateRow])
_PACKED_BEGIN = b"\x81\xa7results"
"""How each document in MessagePack begins: an object of one name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data is: what the sentences of errors name."""

    url: str
    org: str
    bucket: str

    def results(self, content: bytes) -> list[Result[_Values]]:
        """The results of a whole answer: one document, or one for each portion. Raises what the first error in it means."""
        return [result for line in _lines([content]) for result in self._document(line, _decoder)]

    def states(self, content: bytes) -> list[Series[StateRow]]:
        """The series of a whole answer of states. Raises as `results`."""
        return [
            series
            for line in _lines([content])
            for result in self._document(line, _state_decoder)
            for series in result.series
        ]

    def _document(
        self, content: bytes, decoder: msgspec.json.Decoder[_Answer[RowT]] | msgspec.msgpack.Decoder[_Answer[RowT]]
    ) -> list[Result[RowT]]:
        try:
            return self._checked(decoder.decode(content))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._stranger(error) from error

    def _packed(self, parts: Iterable[bytes]) -> Iterator[list[Result[StateRow]]]:
        """The results of documents in MessagePack, between which nothing stands.

        No document is the beginning of another one. So what ends where a document may begin, and can be read, is one; otherwise that was in a text.
        """
        content, looked = bytearray(), 1
        for part in parts:
            content += part
            while (place := content.find(_PACKED_BEGIN, looked)) > 0:
                try:
                    answer = _packed_decoder.decode(content[:place])
                except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
                    raise self._stranger(error) from error
                except msgspec.DecodeError:
                    looked = place + 1
                    continue
                del content[:place]
                looked = 1
                yield self._checked(answer)
            looked = max(looked, len(content) - len(_PACKED_BEGIN) + 1)
        if content:
            yield self._document(bytes(content), _packed_decoder)

    def _checked(self, answer: _Answer[RowT]) -> list[Result[RowT]]:
        for text in (answer.error, *(result.error for result in answer.results)):
            if text is not None:
                raise self._query_error(text)
        return answer.results

    def _stranger(self, said: object) -> StoreUnavailableError:
        return StoreUnavailableError(f"what answers at {self.url} is not InfluxDB ({said})")

    def streamed(
        self, parts: Iterable[bytes], statements: int, *, packed: bool = False
    ) -> Iterator[tuple[int, list[StateRow]]]:
        """Rows of states, and the number of the statement that they answer, from an answer in portions: documents in JSON with a line end after
        each, or `packed`. Raises what the errors in it mean."""
        unfinished = False
        documents = self._packed(parts) if packed else (self._document(line, _state_decoder) for line in _lines(parts))
        for results in documents:
            for result in results:
                if not 0 <= result.statement_id < statements:
                    raise self._stranger(f"of {statements} statements it answers number {result.statement_id}")
                unfinished = result.partial
                for series in result.series:
                    yield result.statement_id, series.values
        if unfinished:
            raise StoreUnavailableError(f"InfluxDB at {self.url} ended an answer in the middle")

    def error(self, status: int | None, text: str) -> Exception:
        """What an HTTP error means: to retry, to split the batch, or to wait for a person."""
        said = _message(text)
        if _NO_ROOM.search(said):
            return StoreUnavailableError(
                f"InfluxDB at {self.url} has no room on its disk: free some, and then restart InfluxDB, which goes on refusing until it is restarted ({status}: {_short(said)})"
            )
        if old := _TOO_OLD.search(said):
            count = int(old.group(1))
            return PointsTooOldError(f"{count} points are older than the bucket {self.bucket!r} keeps them", count)
        if _NO_SUCH_STATEMENT.search(said):
            return StoreRefusedError(f"InfluxDB at {self.url} cannot do that: {_short(said)}")
        if status in _SHUT:
            return self._missing(said) or StoreShutError(
                f"InfluxDB at {self.url} does not let the token use the bucket {self.bucket!r} ({status}: {_short(said)})"
            )
        sentence = f"InfluxDB at {self.url} answers {status}: {_short(said)}"
        return StoreRefusedError(sentence) if status in _REFUSED else StoreUnavailableError(sentence)

    def unanswered(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(f"InfluxDB at {self.url} does not answer: {_short(str(error))}")

    def unmapped(self) -> StoreShutError:
        """Where the bucket is there and takes points, but InfluxQL does not find it."""
        return StoreShutError(
            f"InfluxDB at {self.url} has no DBRP mapping to the bucket {self.bucket!r}, or the token may write and not read it: "
            "`vrijloop store init` makes the mapping"
        )

    def _query_error(self, text: str) -> Exception:
        """What an error in a result means, which comes with the status 200."""
        if _NO_SUCH_STATEMENT.search(text):
            return StoreRefusedError(f"InfluxDB at {self.url} cannot do that: {_short(text)}")
        return self._missing(text) or StoreUnavailableError(f"InfluxDB at {self.url} refused a query: {_short(text)}")

    def _missing(self, text: str) -> StoreShutError | None:
        """What is not there. InfluxDB does not tell what is missing from what the token may not see."""
        if _NO_ORGANISATION.search(text):
            return StoreShutError(
                f"InfluxDB at {self.url} has no organisation {self.org!r}, or the token is not of it: correct `org` under [store]"
            )
        if _NO_BUCKET.search(text):
            return StoreShutError(
                f"InfluxDB at {self.url} has no bucket {self.bucket!r}, or the token may not use it: correct `bucket` under [store], or "
                "run `vrijloop store init`, which sets up bucket and token"
            )
        if _NO_DATABASE.search(text):
            return DatabaseUnknownError(
                f"InfluxDB at {self.url} has no bucket {self.bucket!r}, or no DBRP mapping to it, or the token may not use it: "
                "`vrijloop store init` sets up all three"
            )
        return None


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """What stands between line ends, without what is blank. No JSON text has a line end within a string."""
    begun: list[bytes] = []
    for part in parts:
        *whole, rest = part.split(b"\n")
        for line in whole:
            begun.append(line)
            joined = b"".join(begun)
            begun.clear()
            if joined.strip():
                yield joined
        begun.append(rest)
    joined = b"".join(begun)
    if joined.strip():
        yield joined


def _message(text: str) -> str:
    """The sentence in an error's body, which InfluxDB 2 calls `message` and InfluxDB 1 and 3 `error`."""
    try:
        body = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
    if isinstance(body, dict):
        for name in ("message", "error"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return text


def _short(text: str) -> str:
    return " ".join(text.split())[:200] or "no reason given"
