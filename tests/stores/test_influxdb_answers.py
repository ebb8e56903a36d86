"""What InfluxDB's answers and errors mean, as 1.6.7 and 2.7.12 give them, and 3 by its documentation."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores import StoreRefusedError, StoreShutError, StoreUnavailableError
from stores.influxdb_answers import DatabaseUnknownError, Place, PointsTooOldError, Series, StateRow
from stores.influxdb_connection import InfluxConnection
from stores.influxdb_reader import COMPLETE, MEASURED, NUMBERED, PLAIN
from stores.influxdb_rows import Columns, newest_per_machine
from stores.influxdb_shards import SHARD, within_shards

PLACE = Place("http://influx:8086", "factory-org", "vrijloop")
NOT_FOUND = '{"code":"not found","message":%s}'
TOO_OLD = (
    '{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 7 points outside retention policy '
    'of duration 1h0m0s - oldest point machine_state at 1970-01-01T00:00:00Z dropped because it violates a Retention Policy dropped=7"}'
)


@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (401, '{"code":"unauthorized","message":"unauthorized access"}', StoreShutError, "does not let the token use the bucket 'vrijloop' (401: unauthorized access)"),
        (404, NOT_FOUND % '"organization name \\"factory-org\\" not found"', StoreShutError, "has no organisation 'factory-org'"),
        (404, NOT_FOUND % '"bucket \\"vrijloop\\" not found"', StoreShutError, "has no bucket 'vrijloop'"),
        (404, NOT_FOUND % '"no dbrp mapping found"', DatabaseUnknownError, "no DBRP mapping"),
        (404, '{"error":"database not found: \\"vrijloop\\""}', DatabaseUnknownError, "has no bucket 'vrijloop'"),
        (422, TOO_OLD, PointsTooOldError, "7 points are older than the bucket 'vrijloop' keeps them"),
        (400, '{"error":"partial write: points beyond retention policy dropped=7"}', PointsTooOldError, "7 points are older"),
        (422, '{"code":"unprocessable entity","message":"field type conflict"}', StoreRefusedError, "field type conflict"),
        (413, "too large", StoreRefusedError, "413: too large"),
        (503, "", StoreUnavailableError, "answers 503: no reason given"),
        (500, '{"error":"write failed: no space left on device"}', StoreUnavailableError, "free some, and then restart InfluxDB"),
        (400, '{"error":"partial write: write /data/_series/07/0000: no space left on device dropped=2000"}', StoreUnavailableError, "no room on its disk"),
        (422, '{"code":"unprocessable entity","message":"partial write: no space left on device dropped=7"}', StoreUnavailableError, "no room on its disk"),
        # InfluxDB 3 has no DELETE and keeps no retention by InfluxQL: a retry would not help.
        (400, '{"error":"This feature is not implemented: DELETE"}', StoreRefusedError, "cannot do that: This feature is not implemented: DELETE"),
        (500, "query error: error in InfluxQL statement: DELETE is not supported", StoreRefusedError, "DELETE is not supported"),
        (501, "not implemented", StoreRefusedError, "cannot do that"),
    ],
)  # fmt: skip
def test_errors_are_told_apart(status: int, text: str, kind: type[Exception], said: str) -> None:
    error = PLACE.error(status, text)
    assert type(error) is kind
    assert said in str(error)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("database not found: vrijloop", DatabaseUnknownError, "has no bucket 'vrijloop'"),
        ("default retention policy not set for: vrijloop", DatabaseUnknownError, "no DBRP mapping"),
        ("retention policy not found: autogen", DatabaseUnknownError, "no DBRP mapping"),
        ("not implemented: CREATE RETENTION POLICY", StoreRefusedError, "cannot do that"),
        ("insufficient permissions", StoreUnavailableError, "refused a query: insufficient permissions"),
    ],
)
def test_errors_in_results_are_told_apart(text: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match="InfluxDB at http://influx:8086") as refused:
        PLACE.results(json.dumps({"results": [{"statement_id": 0, "error": text}]}).encode())
    assert said in str(refused.value)


def test_of_several_statements_the_first_error_is_said() -> None:
    answer = b'{"results":[{"statement_id":0,"error":"database not found: vrijloop"}]}\n{"results":[{"statement_id":0,"error":"not executed"}]}\n'
    with pytest.raises(DatabaseUnknownError):
        PLACE.results(answer)


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"results":[{"statement_id":0}]}', b'{"results":[{"series":[]}]}'])
def test_a_delete_is_answered_with_nothing(answer: bytes) -> None:
    """By 2.7 in portions and whole, by 1.6.7, and by whoever writes out what is empty."""
    assert [result.series for result in PLACE.results(answer)] in ([], [[]])


@pytest.mark.parametrize("content", [b"<html>Welcome</html>", b"[1]"])
def test_what_is_not_influxdb_is_said(content: bytes) -> None:
    with pytest.raises(StoreUnavailableError, match="what answers at http://influx:8086 is not InfluxDB"):
        PLACE.results(content)


def content(statement: int, values: list[list[Any]], *, partial: bool) -> dict[str, Any]:
    series = {"name": "machine_state", "columns": [], "values": values}
    return {"results": [{"statement_id": statement, "series": [series], "partial": partial}]}


def document(statement: int, values: list[list[Any]], *, partial: bool) -> bytes:
    return json.dumps(content(statement, values, partial=partial)).encode()


def packed(statement: int, values: list[list[Any]], *, partial: bool) -> bytes:
    return msgspec.msgpack.encode(content(statement, values, partial=partial))


@given(st.lists(st.integers(0, 400), max_size=12), st.sampled_from([b"\n", b"\r\n"]))
def test_an_answer_is_read_however_it_is_cut(cuts: list[int], end: bytes) -> None:
    first, second = row(1, 2, 3), [*row(4, None, 6), "stop", None]
    stream = document(0, [first], partial=True) + end + document(1, [second], partial=False) + end
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[first:last] for first, last in itertools.pairwise(places)]
    assert list(PLACE.streamed(parts, 2)) == [(0, [StateRow(*first)]), (1, [StateRow(*second)])]


@given(st.lists(st.integers(0, 400), max_size=12), st.sampled_from(["executing", "\u4067results", "\u4067results" * 3]))
def test_a_packed_answer_is_read_however_it_is_cut(cuts: list[int], state: str) -> None:
    """Also where a text looks like the beginning of a document."""
    first, second = row(1, 2, 3, state), [*row(4, None, 6, state), "stop", None]
    stream = packed(0, [first, first], partial=True) + packed(1, [second], partial=False)
    assert state == "executing" or b"\x81\xa7results" in state.encode()
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[first:last] for first, last in itertools.pairwise(places)]
    assert list(PLACE.streamed(parts, 2, packed=True)) == [(0, [StateRow(*first)] * 2), (1, [StateRow(*second)])]


def test_a_packed_answer_that_ends_in_the_middle_is_not_taken_for_whole() -> None:
    whole = packed(0, [row(1, 2, 3)], partial=True)
    with pytest.raises(StoreUnavailableError, match="in the middle"):
        list(PLACE.streamed([whole], 1, packed=True))
    with pytest.raises(StoreUnavailableError, match="is not InfluxDB .*truncated"):
        list(PLACE.streamed([whole, whole[:-3]], 1, packed=True))
    error = msgspec.msgpack.encode({"results": [{"error": "query-timeout limit exceeded"}]})
    with pytest.raises(StoreUnavailableError, match="query-timeout"):
        list(PLACE.streamed([whole, error], 1, packed=True))
    with pytest.raises(StoreUnavailableError, match="is not InfluxDB"):
        list(PLACE.streamed([packed(0, [["yesterday"]], partial=True), whole], 1, packed=True))


def test_an_answer_that_ends_in_the_middle_is_not_taken_for_whole() -> None:
    with pytest.raises(StoreUnavailableError, match="in the middle"):
        list(PLACE.streamed([document(0, [row(1, 2, 3)], partial=True), b"\n"], 1))
    with pytest.raises(StoreUnavailableError, match="query-timeout"):
        list(
            PLACE.streamed(
                [
                    document(0, [row(1, 2, 3)], partial=True),
                    b'\n{"results":[{"error":"query-timeout limit exceeded"}]}\n',
                ],
                1,
            )
        )


def row(
    since: int, until: int | None, seq: int | None, state: str | None = "executing", mode: str | None = ""
) -> list[Any]:
    return [since, until, state, mode, seq, None]


def gathered(*series: tuple[str, list[list[Any]]], fields: tuple[str, ...] = MEASURED) -> Columns:
    columns = Columns(fields)
    for machine, rows in series:
        columns.add(machine, [StateRow(*one) for one in rows])
    return columns


def kept(*series: tuple[str, list[list[Any]]]) -> list[tuple[str, int, int, str]]:
    frame = gathered(*series).intervals()
    moments = [frame[name].dt.as_unit("ms").astype("int64") for name in ("since", "until")]
    return list(zip(frame["machine"], *moments, frame["state"], strict=True))


def test_the_newest_row_of_a_key_is_the_one_that_reaches_furthest() -> None:
    """The latest `until` wins, whatever the order of arrival; `seq` decides between rows that reach equally far."""
    first = [row(1, 30, 2), row(2, 40, 3)]
    second = [row(1, 20, 9), row(2, 40, 4, "not_executing")]
    expected = [("m0", 5, 6, "executing"), ("m1", 1, 30, "executing"), ("m1", 2, 40, "not_executing")]
    for one, other in ((first, second), (second, first)):
        assert kept(("m1", one), ("m0", [row(5, 6, 1)]), ("m1", other)) == expected


TORN = [
    row(3, None, 5),
    row(3, 4, None),
    row(3, 4, 5, None),
    row(3, 4, 5, mode=None),
    row(3, 4, 5, "of_a_newer_version"),
]


@pytest.mark.parametrize("torn", TORN)
def test_a_row_that_is_not_whole_is_not_there_yet(torn: list[Any]) -> None:
    assert kept(("m1", [row(1, 2, 1), torn]), ("m2", [torn])) == [("m1", 1, 2, "executing")]
    whole, half = StateRow(*row(1, 2, 1)), StateRow(*torn)
    newest = newest_per_machine([Series([half, whole], {"machine": "m1"}), Series([half], {"machine": "m2"})])
    assert [(machine, row.since, row.seq) for machine, row in newest] == [("m1", 1, 1)]


def test_nothing_has_the_types_of_something() -> None:
    some, none = gathered(("m1", [row(1, 2, 1)])).intervals(), Columns(MEASURED).intervals()
    assert [kind.name for kind in none.dtypes] == [kind.name for kind in some.dtypes]
    assert list(none.dtypes)[1:] == list(some.dtypes)[1:]  # of machines the categories are those that occur
    assert Columns(COMPLETE).records("genk").empty


def test_sequence_numbers_are_looked_at_only_where_they_decide() -> None:
    """Two workers have the same report, or one that reaches less far; of two that reach equally far and differ, only the number tells the newer."""
    same, shorter = [row(1, 9, 0), row(2, 9, 0)], [row(1, 9, 0), row(2, 7, 0, "unknown")]
    state, mode = [row(2, 9, 0, "unknown")], [row(2, 9, 0, mode="setup")]
    columns = gathered(
        *((name, [*same, *more]) for name, more in zip("abcd", (same, shorter, state, mode), strict=True)), fields=PLAIN
    )
    assert columns.take_undecided() == ["c", "d"]
    frame = columns.intervals()
    assert list(zip(frame["machine"], frame["state"], strict=True)) == [(name, "executing") for name in "aabb"]
    assert gathered(("a", [*same, *state]), fields=NUMBERED).intervals()["state"].tolist()[0] == "executing"


def test_the_times_of_a_statement_are_those_of_one_shard() -> None:
    """InfluxDB counts them from the year 1."""
    shard = round(SHARD.total_seconds() * 1000)
    begins = round(-62_135_596_800_000 + 9_000 * shard)
    assert within_shards(begins, begins + shard) == [f"time >= {begins}ms AND time < {begins + shard}ms"]
    assert within_shards(begins - 1, begins + shard + 1) == [
        f"time >= {begins - 1}ms AND time < {begins}ms",
        f"time >= {begins}ms AND time < {begins + shard}ms",
        f"time >= {begins + shard}ms AND time < {begins + shard + 1}ms",
    ]
    assert len(within_shards(begins, begins + 50 * shard)) == 50
    assert len(within_shards(begins, begins + 1_000 * shard)) == 1, (
        "the whole of time is not asked for in thousands of statements"
    )
    assert within_shards(5, 5) == ["time >= 5ms AND time < 5ms"]


def test_what_others_write_into_the_bucket_is_none_of_ours() -> None:
    """A point without a machine ended every answer."""
    row = StateRow(1000, 2000, "executing", "setup", 1, 1.5, "", "gw-1")
    answer = [Series([row], {"machine": "m1"}), Series([row], {"machine": ""}), Series([row])]
    assert [machine for machine, _ in newest_per_machine(answer)] == ["m1"]


@pytest.mark.parametrize("content", [b'{"results": ' + b"[" * 5000, b"\xff\xfe"])
def test_what_no_influxdb_answers(content: bytes) -> None:
    with pytest.raises(StoreUnavailableError, match="is not InfluxDB"):
        PLACE.results(content)


@pytest.mark.parametrize("statement", [-1, 2])
def test_no_influxdb_answers_what_was_not_asked(statement: int) -> None:
    """The rows would be another machine's."""
    with pytest.raises(StoreUnavailableError, match=f"is not InfluxDB .of 2 statements it answers number {statement}"):
        list(PLACE.streamed([document(statement, [row(1, 2, 3)], partial=False)], 2))


def test_nothing_is_packed() -> None:
    """It would be more than a third of what a large answer costs the server."""
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx2.Response(200, content=b"{}")

    connection = InfluxConnection(PLACE.url, PLACE.bucket, "token", PLACE.org)
    headers = connection._http.headers
    connection._http = httpx2.Client(base_url=PLACE.url, headers=headers, transport=httpx2.MockTransport(answer))
    assert list(connection.stream(["SELECT seq FROM machine_state"], texts=False)) == []
    assert seen == ["identity"]


@pytest.mark.parametrize(
    ("version", "texts", "accepts"),
    [
        ("v2.7.12", False, "application/x-msgpack"),
        ("1.6.7", False, "application/x-msgpack"),
        ("v2.7.12", True, "*/*"),
        ("3.4.0", False, "*/*"),
        ("", False, "*/*"),
    ],
)
def test_only_who_packs_is_asked_for_it_and_may_answer_otherwise(version: str, texts: bool, accepts: str) -> None:
    """InfluxDB 3 refuses who asks for it; and a text may look like the beginning of a document."""
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["accept"])
        headers = {"x-influxdb-version": version} if version else {}
        return httpx2.Response(200, content=document(0, [row(1, 2, 3)], partial=False), headers=headers)

    connection = InfluxConnection(PLACE.url, PLACE.bucket, "token", PLACE.org)
    hooks = connection._http.event_hooks
    connection._http = httpx2.Client(base_url=PLACE.url, event_hooks=hooks, transport=httpx2.MockTransport(answer))
    connection.ask("SHOW DATABASES")
    assert list(connection.stream(["SELECT seq FROM machine_state"], texts=texts)) == [(0, [StateRow(*row(1, 2, 3))])]
    assert seen == ["*/*", accepts]


def test_a_redirect_is_not_taken_for_a_success() -> None:
    """Whatever sends it has stored nothing, and its empty answer does not say that there is no data."""
    moved = httpx2.MockTransport(lambda _: httpx2.Response(301, headers={"location": "https://influx/"}))
    connection = InfluxConnection(PLACE.url, PLACE.bucket, "token", PLACE.org)
    connection._http = httpx2.Client(base_url=PLACE.url, transport=moved)
    for use in (
        lambda: connection.write(["machine_state seq=1i 1"]),
        lambda: connection.query(["SHOW DATABASES"]),
        lambda: list(connection.stream(["SELECT seq FROM machine_state"], texts=False)),
        lambda: connection.change(["DROP SERIES FROM machine_state"]),
        connection.check,
    ):
        with pytest.raises(StoreUnavailableError, match="answers 301: Moved Permanently"):
            use()
