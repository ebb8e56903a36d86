"""`vrijloop demo` as a newcomer runs it: it gets ready, goes on live, ends cleanly, and carries on when started again."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from simulators.limburg import PLANTS
from simulators.recorded_meter import read_recorded_meter
from tests.processes import memory_mb
from tests.servers import free_port, require, shared_file, wait_for
from vrijloop.demo.policies import REPLAY_THRESHOLD_W

pytestmark = pytest.mark.servers
ENVIRONMENT = os.environ | {"COLUMNS": "200"}
METER_DAYS = int(os.environ.get("VRIJLOOP_METER_DAYS", "70"))
AMQTT_DAYS = int(os.environ.get("VRIJLOOP_AMQTT_DAYS", "0"))
"""How much of the recorded year goes through the demo's own broker too. None in the suite, where two other days do."""
MOST_MB = 2000
"""Of a newcomer's laptop."""


def demo(*arguments: str | int | Path) -> list[str]:
    return [sys.executable, "-m", "vrijloop", "demo", *map(str, arguments)]


def page_of(port: int, path: str, follow: bool = False, **query: str) -> httpx2.Response:
    with httpx2.Client(follow_redirects=follow, timeout=20) as browser:
        return browser.get(f"http://127.0.0.1:{port}{path}", params=query)


@dataclass
class Start:
    """Of the demo. Until it is ready, its processes take less than two gigabytes."""

    process: subprocess.Popen[bytes]
    log: Path
    measured: float = 0.0

    def is_ready(self) -> bool:
        """Or has ended."""
        # To add up the pages of a dozen processes takes the kernel longer than anything else here.
        if time.monotonic() > self.measured + 1:
            assert memory_mb(self.process.pid) < MOST_MB
            self.measured = time.monotonic()
        return "Live now" in self.log.read_text() or self.process.poll() is not None


def run_until_ready(tmp_path: Path, port: int) -> str:
    """Start it, wait until it says it is ready and live, press Ctrl-C; returns what it said."""
    log = tmp_path / "said.txt"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            demo("--weeks", "2", "--data-dir", tmp_path / "data", "--port", port),
            stdout=sink, stderr=sink, env=ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(Start(process, log).is_ready, "the demo to be ready", 240)
        assert process.poll() is None, log.read_text()
        page = httpx2.get(f"http://127.0.0.1:{port}/", timeout=20)
        assert page.status_code == 200
        assert page.text.count('class="offer"') >= 5
        for plant in PLANTS:
            assert page_of(port, "/api/v1/offers", factory=plant.factory).json()["offers"], "hours of every factory"
        people = page_of(port, "/demo").text
        assert people.count('action="/demo/sign-in"') == 6
        into_control_room = page_of(port, "/demo/control-room", follow=True)
        assert 'id="machines"' in into_control_room.text, "signed in"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
    return log.read_text()


@pytest.mark.long
def test_it_gets_ready_ends_cleanly_and_carries_on(tmp_path: Path) -> None:
    require("mosquitto")
    port = free_port()
    first = run_until_ready(tmp_path, port)
    assert f"http://127.0.0.1:{port}" in first
    assert "Traceback" not in first
    assert f"http://127.0.0.1:{port}/demo" in first
    booked_before = open_offers(tmp_path)
    policy = tmp_path / "data" / "policy.toml"
    policy.write_text(edited := policy.read_text() + "# mine\n")
    again = run_until_ready(tmp_path, port)
    assert f"Your own policy is used: {policy}" in again
    assert policy.read_text() == edited
    rooms = [re.search(r"Control room: (\S+)/control", said) for said in (first, again)]
    assert rooms[0] is not None
    assert rooms[1] is not None
    assert rooms[0][1] == rooms[1][1]
    assert "Traceback" not in again
    # The second start reads the weeks it has from its own store: it is ready in a fraction of the first.
    assert int(re.search(r"after (\d+) s", again)[1]) < int(re.search(r"after (\d+) s", first)[1])  # type: ignore[index]
    assert booked_before > 0
    for log in (tmp_path / "data" / "logs").iterdir():
        assert "Traceback" not in log.read_text(), log


def open_offers(tmp_path: Path) -> int:
    with sqlite3.connect(tmp_path / "data" / "platform.sqlite") as database:
        return int(database.execute("SELECT count(*) FROM offer WHERE status = 'open'").fetchone()[0])


def process_with(argument: str) -> int:
    """The number of the process that was started with it."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if argument.encode() in command.read_bytes():
                return int(command.parent.name)
    raise AssertionError(f"no process has {argument}")


def busy_for_a_month(folder: Path) -> None:
    """The broker stands still until reports of 32 of the replay's days wait: longer than an outbox keeps them by default. The recording has some weeks more, as it runs
    on while the first reports are waited for."""

    def days(*, waiting: bool) -> float:
        """Between the oldest and the newest of its reports: of all, or of those that have not left."""
        for outbox in folder.glob("vrijloop-replay-*/agent/outbox.sqlite"):
            with suppress(sqlite3.Error), closing(sqlite3.connect(outbox)) as database:
                told = database.execute("SELECT stored, acknowledged FROM delivery").fetchone() or ("[]", "[]")
                sent = max((last for ranges in told for _, last in json.loads(ranges)), default=0)
                query = "SELECT max(until_ms) - min(since_ms) FROM report WHERE seq > ?"
                span = database.execute(query, (sent if waiting else 0,)).fetchone()[0]
                return float(span or 0) / 86_400_000
        return 0.0

    wait_for(lambda: days(waiting=False) > 0, "the first reports", 400)
    (config,) = folder.glob("vrijloop-replay-*/broker/mosquitto.conf")
    broker = process_with(str(config))
    os.kill(broker, signal.SIGSTOP)
    try:
        wait_for(lambda: days(waiting=True) > 32, "a month to pass", 400)
    finally:
        os.kill(broker, signal.SIGCONT)


def spells_in(recording: Path) -> int:
    """How often the machine begins to work or to wait."""
    powers = read_recorded_meter(recording, "Asia/Seoul").power_w
    working = [power is not None and power >= REPLAY_THRESHOLD_W for power in powers]
    return 1 + sum(before != after for before, after in pairwise(working))


@pytest.mark.long
@pytest.mark.parametrize(
    ("broker", "days"), [("mosquitto", METER_DAYS), *([("amqtt", AMQTT_DAYS)] if AMQTT_DAYS else [])]
)
def test_a_recorded_meter_comes_through_whole(tmp_path: Path, broker: str, days: int) -> None:
    if broker == "mosquitto":
        require("mosquitto")
    year = shared_file("data", "steel_2018_15min.csv").read_text().splitlines()
    recording = tmp_path / "recording.csv"
    recording.write_text("\n".join(year[: 1 + days * 96]))
    result = tmp_path / "result.json"
    process = subprocess.Popen(
        demo("--headless", "--replay", recording, "--timezone", "Asia/Seoul", "--json", result, "--broker", broker),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT | {"TMPDIR": str(tmp_path)}, cwd=tmp_path,
    )  # fmt: skip
    if broker == "mosquitto":
        busy_for_a_month(tmp_path)
    said = process.communicate(timeout=290)[0]
    assert process.returncode == 0, said
    assert not list(tmp_path.glob("vrijloop-replay-*")), "nothing is left of a replay that went well"
    summary = json.loads(result.read_text())
    # What waits for the broker is extended by heartbeats (decision 5): how many reports there are beyond one for each spell depends on the computer.
    assert summary["reports"]["emitted"] == summary["reports"]["stored"] >= spells_in(recording)
    assert (summary["reports"]["missing"], summary["reports"]["duplicate"]) == (0, 0)
    # A row of the recording is a quarter of an hour: none is left out, however busy the computer is.
    for state, hours in summary["hours_per_state_in_file"].items():
        assert summary["hours_per_state"][state] == pytest.approx(hours, abs=0.01)
    assert sum(summary["hours_per_state"].values()) == pytest.approx(24 * days, abs=0.01)
    assert summary["slots_offered"] > 0 or days < 182
    assert ("for a demo only" in said) == (broker == "amqtt")


def test_a_recording_with_a_broken_row_is_replayed_without_it(tmp_path: Path) -> None:
    """Through the demo's own broker, which needs nothing to be installed."""
    rows = ["date,usage_kwh"]
    rows += [
        f"{day:02}-01-2018 {hour:02}:{minute:02},{10 if 6 <= hour < 22 else 2}"
        for day in range(1, 3)
        for hour in range(24)
        for minute in (1, 16, 31, 46)
    ]
    rows[20] = rows[20].replace(",", ",broken ")
    (tmp_path / "meter.csv").write_text("\n".join(rows))
    result = tmp_path / "result.json"
    replay = ("--headless", "--replay", tmp_path / "meter.csv", "--skip-broken-rows")
    command = demo(*replay, "--json", result, "--broker", "amqtt")
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "for a demo only" in done.stdout
    summary = json.loads(result.read_text())
    assert summary["reports"]["emitted"] == summary["reports"]["stored"] > 0
    assert (summary["reports"]["missing"], summary["reports"]["duplicate"]) == (0, 0)
    hours = summary["hours_per_state"]
    # Known until the last poll that was answered, and again from the next: two quarters of an hour.
    assert hours["unknown"] == pytest.approx(0.5)
    assert hours["executing"] == pytest.approx(32.0)
