"""What only InfluxDB does: points that are not whole yet, large answers in portions, a bucket that keeps points for a while, what is missing.

`make test-influxdb` runs this on InfluxDB 2.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from analytics.history.timeline import timeline
from stores import (
    Point,
    ReportBatch,
    StoredReport,
    StoreRefusedError,
    StoreShutError,
    StoreUnavailableError,
    influxdb_store,
)
from stores.configuration import StoreTable, check_access
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_points import InfluxPoints
from stores.influxdb_setup import Tokens, set_up
from stores.influxdb_store import InfluxDBStateStore
from stores.transfer import copy_store
from telemetry import MachineState, StateInterval, UserError
from telemetry.measurements import CAPACITY, DAY, HOUR
from tests import influxdb2
from tests.influx_proxy import OLD_TOKEN
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database, drop_influx_database, influx_server, serving
from tests.stores.test_state_store_contract import T0, report, rows

pytestmark = pytest.mark.servers

_numbers = itertools.count()
ROUNDS = int(os.environ.get("VRIJLOOP_TORN_ROUNDS", "20"))


@pytest.fixture
def bucket(influx_url: str) -> str:
    name = f"influx_{next(_numbers)}"
    create_influx_database(influx_url, name)
    return name


@pytest.fixture
def store(influx_url: str, bucket: str) -> InfluxDBStateStore:
    return opened(influx_url, bucket)


def opened(url: str, bucket: str, worker: str = "1") -> InfluxDBStateStore:
    return InfluxDBStateStore(url, bucket, INFLUX_TOKEN, INFLUX_ORG, worker)


def tear(store: InfluxDBStateStore, machine: str, minute: int, fields: str = "seq=9i") -> None:
    """What a reader may find of a point while it is being written."""
    at = round((T0 + timedelta(minutes=minute)).timestamp() * 1000)
    store._connection.write([f"machine_state,factory=genk,machine={machine},worker=1 {fields} {at}"])


@pytest.mark.parametrize(
    "fields", ["seq=9i", f"until_ms={round(T0.timestamp() * 1000) + 1_200_000}i", 'state="executing",mode=""']
)
def test_points_that_are_being_written_are_not_there_yet(store: InfluxDBStateStore, fields: str) -> None:
    store.write(ReportBatch.of([report(1, 0, 10), report(2, 10, 11), report(3, 0, 5, machine="m2")]))
    for minute in range(11, 20):  # a batch of them, more than the one in which a reader looks first
        tear(store, "m1", minute, fields)
    tear(store, "m3", 0, fields)
    assert [(one.machine, one.interval.until) for one in store.latest("genk")] == [
        ("m1", T0 + timedelta(minutes=11)), ("m2", T0 + timedelta(minutes=5)),
    ]  # fmt: skip
    whole = [("m1", 0, 10, "executing"), ("m1", 10, 11, "executing"), ("m2", 0, 5, "executing")]
    assert rows(store) == whole
    assert rows(store, 10.5, 30) == [("m1", 10, 11, "executing")]
    assert rows(store, 15, 30) == [], "what was before is found behind what is not whole"
    assert len(store.changed_since("genk", "0")[0]) == 3
    assert len(store.records("genk", T0, T0 + timedelta(days=1), ["m1", "m2", "m3"])) == 3
    start, end = T0, T0 + timedelta(minutes=30)
    assert timeline(store.intervals("genk", start, end), start, end)["state"].notna().all()
    store.delete_before(T0 + timedelta(minutes=30))
    assert [one.machine for one in store.latest("genk")] == ["m1", "m2"]


def test_a_worker_that_was_killed_while_writing_writes_again(
    influx_url: str, bucket: str, store: InfluxDBStateStore
) -> None:
    tear(store, "m1", 10)
    again = opened(influx_url, bucket)
    again.write(ReportBatch.of([report(4, 10, 12), report(5, 12, 13)]))
    assert rows(again) == [("m1", 10, 12, "executing"), ("m1", 12, 13, "executing")]
    ledger = "report_sequence,factory=genk,gateway=gw-1,worker=1"
    again._connection.write([f"{ledger} repeated=3i {round(datetime.now(UTC).timestamp() * 1000) + 86_400_000}"])
    assert [one.stored for one in again.ledger()] == [2], "of tomorrow's point not all is there: that of today counts"


def test_nothing_is_half_there_under_write_load(influx_url: str, bucket: str) -> None:
    """Readers beside a writer; `make test-influxdb` sets `VRIJLOOP_TORN_ROUNDS` for more of them."""
    stop, unexpected, seen = threading.Event(), list[Exception](), 0

    def write() -> None:
        with closing(opened(influx_url, bucket)) as writer:
            for first in itertools.count(1, 100):
                if stop.is_set():
                    return
                some = [report(first + n, first + n, first + n + 1, machine=f"m{n % 5}") for n in range(100)]
                try:
                    writer.write(ReportBatch.of(some))
                except Exception as error:
                    unexpected.append(error)
                    return

    thread = threading.Thread(target=write)
    thread.start()
    with closing(opened(influx_url, bucket, "reader")) as reader:
        try:
            for _ in range(ROUNDS):
                seen = len(reader.latest("genk"))
                start, end = T0, T0 + timedelta(days=400)
                frame = reader.intervals("genk", start, end)
                assert frame[["until", "state"]].notna().all(axis=None)
                assert set(timeline(frame, start, end)["state"].unique()) <= {"executing", "unknown"}
        finally:
            stop.set()
            thread.join(60)
    assert unexpected == []
    assert seen == 5


def test_an_answer_of_several_portions_is_whole(influx_url: str, bucket: str, store: InfluxDBStateStore) -> None:
    """Portions have ten thousand rows; two workers have written what overlaps."""
    number = 25_000
    store.write(ReportBatch.of([report(seq, seq, seq + 1) for seq in range(1, number + 1)]))
    with closing(opened(influx_url, bucket, "2")) as second:
        second.write(
            ReportBatch.of(
                [report(number + 1, 5, 7), report(number + 2, 6, 6.5), report(number + 3, 1, 2, machine="m0")]
            )
        )
    found = rows(store, -1e5, 1e5)
    expected = [("m0", 1, 2, "executing")] + [
        ("m1", seq, 7 if seq == 5 else seq + 1, "executing") for seq in range(1, number + 1)
    ]
    assert found == expected


def test_where_two_workers_reach_equally_far_the_newer_report_holds(influx_url: str, bucket: str) -> None:
    """Whichever of them wrote it. History is read without the sequence numbers, which only tell here."""
    with closing(opened(influx_url, bucket)) as first, closing(opened(influx_url, bucket, "2")) as second:
        idle = MachineState.NOT_EXECUTING
        first.write(ReportBatch.of([report(1, 0, 5), report(2, 5, 9), report(8, 9, 12), report(3, 0, 5, idle, "m2")]))
        second.write(ReportBatch.of([report(7, 5, 9, idle), report(4, 9, 12, idle), report(3, 0, 5, idle, "m2")]))
        expected = [("m1", 0, 5, "executing"), ("m1", 5, 9, "not_executing"), ("m1", 9, 12, "executing")]
        for store in (first, second):
            assert rows(store) == [*expected, ("m2", 0, 5, "not_executing")]
            assert rows(store, 10, 20) == expected[2:]
            changed, _ = store.changed_since("genk", "0")
            assert changed["state"].tolist() == ["executing", "not_executing", "executing", "not_executing"]


def test_a_worker_that_has_looked_knows_what_the_others_have_stored(
    influx_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone it knows torn parts of what several store, more of them than a gateway can be told."""
    monkeypatch.setattr(influxdb_store, "_LOOK_EVERY", timedelta(0))
    with closing(opened(influx_url, bucket)) as first, closing(opened(influx_url, bucket, "2")) as second:
        for seq in range(1, 9):
            (first if seq % 2 else second).write(ReportBatch.of([report(seq, seq, seq + 1)]))
            assert first.stored_ranges([("genk", "gw-1")]) == {("genk", "gw-1"): [(1, seq)]}


def test_records_older_than_the_bucket_keeps_are_left_out_and_counted(influx_url: str, tmp_path: Path) -> None:
    name = f"influx_{next(_numbers)}"
    create_influx_database(influx_url, name, hours=48)
    now = datetime.now(UTC).replace(microsecond=0)
    ages = [timedelta(hours=hours) for hours in (90, 80, 70, 5, 4)]
    old = [
        StoredReport(
            "genk", "m1", "gw-1", seq, StateInterval(MachineState.EXECUTING, now - age, now - age + timedelta(hours=1))
        )
        for seq, age in enumerate(ages, 1)
    ]
    source, target = DuckDBStateStore(tmp_path / "states.duckdb"), opened(influx_url, name)
    source.write(ReportBatch.of(old))
    assert copy_store(source, target, lambda *_: None) == (2, 3)
    assert len(target.intervals("genk", now - timedelta(days=9), now)) == 2
    with pytest.raises(StoreRefusedError, match="3 points are older than the bucket"):
        opened(influx_url, name, "2").write(ReportBatch.of(old))
    source.close()
    with closing(InfluxPoints(influx_url, name, INFLUX_TOKEN, INFLUX_ORG)) as points:
        tags = {"factory": "genk", "machine": "m1"}
        points.write_points([Point("machine_day", tags, now - age, {"apt_h": 1.0}) for age in ages])
        assert points.sums("machine_day", "genk", ["apt_h"], now - timedelta(days=9), now) == {"m1": {"apt_h": 2.0}}
    drop_influx_database(influx_url, name)


def test_what_was_computed_of_a_machine_is_deleted_with_it(
    influx_url: str, bucket: str, store: InfluxDBStateStore
) -> None:
    store.write(ReportBatch.of([report(1, 0, 10), report(2, 0, 5, machine="m2")]))
    with closing(InfluxPoints(influx_url, bucket, INFLUX_TOKEN, INFLUX_ORG)) as points:
        points.write_points(
            [
                Point(name, {"factory": "genk", "machine": machine}, T0, {"apt_h": 1.0})
                for name in (DAY, HOUR, CAPACITY)
                for machine in ("m1", "m2")
            ]
        )
        store.delete_machine("genk", "m1")
        for name in (DAY, HOUR, CAPACITY):
            found = points.sums(name, "genk", ["apt_h"], T0, T0 + timedelta(days=1))
            assert found == {"m2": {"apt_h": 1.0}}, name


def table(url: str, folder: Path, bucket: str, token: str = INFLUX_TOKEN, org: str = INFLUX_ORG) -> StoreTable:
    (folder / "token").write_text(token)
    return StoreTable(kind="influxdb", url=url, bucket=bucket, org=org, token_file=folder / "token")


def test_what_is_missing_is_said(influx_url: str, bucket: str, tmp_path: Path) -> None:
    check_access(table(influx_url, tmp_path, bucket))
    with pytest.raises(StoreShutError, match="has no bucket 'nowhere'"):
        check_access(table(influx_url, tmp_path, "nowhere"))
    with pytest.raises(StoreShutError, match="has no organisation 'nobody'"):
        check_access(table(influx_url, tmp_path, bucket, org="nobody"))
    with pytest.raises(StoreShutError, match=r"does not let the token use the bucket .* \(401: unauthorized access\)"):
        check_access(table(influx_url, tmp_path, bucket, token=OLD_TOKEN))
    store = opened(influx_url, "nowhere")
    for call in (store.factories, lambda: store.latest("genk"), lambda: store.delete_machine("genk", "m1")):
        with pytest.raises(StoreShutError, match="has no bucket 'nowhere', or no DBRP mapping to it"):
            call()
    with pytest.raises(StoreShutError, match="has no bucket 'nowhere'"):
        store.intervals("genk", T0, T0 + timedelta(days=1))


def test_setting_up_says_that_a_token_is_an_old_one(influx_url: str, tmp_path: Path) -> None:
    name, token, reader = f"influx_{next(_numbers)}", tmp_path / "token", tmp_path / "reader"
    drop_influx_database(influx_url, name)

    def init() -> list[str]:
        return set_up(influx_url, INFLUX_ORG, name, timedelta(weeks=20), token, INFLUX_TOKEN, reader)

    assert any("bucket" in sentence or "database" in sentence for sentence in init())
    assert init(), "again, with the token that it has made"
    check_access(table(influx_url, tmp_path, name, token.read_text().strip()))
    token.write_text(OLD_TOKEN)
    with pytest.raises(
        UserError,
        match="token: InfluxDB at .* does not let the token use .* remove the file: this command then makes a new one",
    ):
        init()
    token.unlink()
    init()
    with closing(InfluxDBStateStore(influx_url, name, token.read_text().strip(), INFLUX_ORG)) as store:
        since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        interval = StateInterval(MachineState.EXECUTING, since, since + timedelta(hours=1))
        store.write(ReportBatch.of([StoredReport("genk", "m1", "gw-1", 1, interval)]))
        assert store.factories() == ["genk"]
    drop_influx_database(influx_url, name)


@pytest.mark.skipif(not influxdb2.CHOSEN, reason="1.6.7 has no tokens: make test-influxdb")
def test_tokens_are_replaced_and_the_old_ones_hold_until_they_are_ended(influx_url: str, tmp_path: Path) -> None:
    name, token, reader = f"influx_{next(_numbers)}", tmp_path / "token", tmp_path / "reader"

    def init(tokens: Tokens) -> list[str]:
        return set_up(influx_url, INFLUX_ORG, name, None, token, INFLUX_TOKEN, reader, tokens)

    def works(secret: str) -> bool:
        try:
            check_access(table(influx_url, tmp_path, name, secret))
        except StoreUnavailableError:
            return False
        return True

    init("keep")
    old, old_reader = token.read_text().strip(), reader.read_text()
    init("new")
    new = token.read_text().strip()
    assert (old != new, old_reader != reader.read_text(), works(old), works(new)) == (True, True, True, True)
    assert "2 old tokens are no longer valid" in init("end-old")
    assert (works(old), works(new)) == (False, True)
    assert "0 old tokens are no longer valid" in init("end-old")
    drop_influx_database(influx_url, name)


@pytest.mark.skipif(not influxdb2.CHOSEN, reason="1.6.7 has no DBRP mappings: make test-influxdb")
def test_a_database_that_is_mapped_to_another_bucket_is_found_out(influx_url: str, bucket: str, tmp_path: Path) -> None:
    name = f"influx_{next(_numbers)}"
    drop_influx_database(influx_url, name)
    influxdb2.map_database(influx_url, name, bucket, INFLUX_TOKEN, INFLUX_ORG)
    with pytest.raises(UserError, match=f"maps the database '{name}' to another bucket"):
        set_up(influx_url, INFLUX_ORG, name, None, tmp_path / "token", INFLUX_TOKEN)
    drop_influx_database(influx_url, name)


def test_influxdb_3_is_set_up_by_its_own_command_line_and_cannot_delete(tmp_path: Path) -> None:
    """As its documentation says: a version of 3, no interface for buckets, no DELETE, a refusal of writes without points."""
    app, token = FastAPI(), tmp_path / "token"

    @app.get("/ping")
    def ping() -> Response:
        return JSONResponse({"version": "3.2.1"}, headers={"X-Influxdb-Version": "3.2.1"})

    @app.post("/api/v2/write")
    def write() -> Response:
        return JSONResponse({"error": "no data was written"}, 400)

    @app.get("/query")
    def query(q: str) -> Response:
        if q.startswith("DELETE"):
            return JSONResponse({"error": "This feature is not implemented: DELETE"}, 400)
        return JSONResponse({"results": [{"statement_id": 0, "series": []}]})

    app.post("/query")(lambda: JSONResponse({"error": "This feature is not implemented: DELETE"}, 400))
    with serving(app) as url:
        with pytest.raises(UserError, match="influxdb3 create database --retention-period 140d vrijloop"):
            set_up(url, "", "vrijloop", timedelta(weeks=20), token, None)
        token.write_text("a-token-of-influxdb-3")
        assert "InfluxDB 3, which cannot delete machines" in set_up(url, "", "vrijloop", None, token, None)[0]
        with (
            closing(InfluxPoints(url, "vrijloop", INFLUX_TOKEN, "")) as points,
            pytest.raises(StoreRefusedError, match="cannot do that: This feature is not implemented: DELETE"),
        ):
            points.forget(["machine_day"], "genk")
        store = InfluxDBStateStore(url, "vrijloop", INFLUX_TOKEN, "")
        with pytest.raises(StoreRefusedError, match="DELETE"):
            store.delete_machine("genk", "m1")
        store.close()


@pytest.mark.skipif(influxdb2.GIVEN, reason="The server is restarted.")
@pytest.mark.long
@pytest.mark.parametrize("noticed", [True, False], ids=["a request failed meanwhile", "nobody asked meanwhile"])
def test_what_a_server_has_forgotten_at_its_restart_is_missing_and_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noticed: bool
) -> None:
    """Its log was torn, or it was restored from a backup: a worker that kept running must not tell gateways that the store has it still."""
    monkeypatch.setattr(influxdb_store, "_LOOK_EVERY", timedelta(days=1) if noticed else timedelta(0))
    folder, backup = tmp_path / "influxdb", tmp_path / "backup"
    folder.mkdir()
    server = influx_server(folder)
    first, second, third = (ReportBatch.of([report(seq, 10 * seq, 10 * seq + 10)]) for seq in (1, 2, 3))
    with closing(server):
        server.start()
        create_influx_database(server.url, "forgets")
        with closing(opened(server.url, "forgets")) as store:
            store.write(first)
            server.kill()
            shutil.copytree(folder, backup)
            server.start()
            store.write(second)
            gateways = [(one.factory, one.gateway) for one in store.ledger()]
            assert store.stored_ranges(gateways) == {gateways[0]: [(1, 2)]}
            server.kill()
            if noticed:
                with pytest.raises(StoreUnavailableError):
                    store.latest("genk")
            shutil.rmtree(folder)
            shutil.copytree(backup, folder)
            server.start()
            assert store.stored_ranges(gateways) == {gateways[0]: [(1, 1)]}
            store.write(third)
            assert store.stored_ranges(gateways) == {gateways[0]: [(1, 1), (3, 3)]}
            store.write(second)
            assert store.stored_ranges(gateways) == {gateways[0]: [(1, 3)]}
            assert [one[1:3] for one in rows(store)] == [(10, 20), (20, 30), (30, 40)]
