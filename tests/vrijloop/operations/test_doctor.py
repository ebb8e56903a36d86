"""Findings of `vrijloop doctor` for a healthy installation, and for each problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy import create_engine, update

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.database import migrate, open_database
from sharing_platform.notifications.delivery import Channels, DeliveryWorker
from sharing_platform.notifications.mail import NotSentError, queue_mail
from sharing_platform.notifications.models import Mail
from sharing_platform.notifications.webhooks import RETRY_AFTER
from sharing_platform.organisations.accounts import get_or_create_account
from sharing_platform.organisations.directory import ensure_configured
from telemetry import SystemClock, UserError
from tests.analytics.policy.test_calendar_events import calendar
from tests.certificates import ask_for_certificate, make_certificates
from tests.platform_databases import sqlite_copy
from tests.servers import Mosquitto, free_port, serving
from tests.vrijloop.command_line import invoke
from vrijloop.operations.doctor import clocks, disk

TOKEN = "a-token-of-at-least-16"


@dataclass
class Installation:
    """The configuration of a server in a folder, with broker and platform."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "server.toml"

    def doctor(self, code: int) -> dict[str, list[tuple[str, str]]]:
        """Findings by area: (level, sentence and remedy)."""
        found: dict[str, list[tuple[str, str]]] = {}
        for one in json.loads(invoke("doctor", "--config", self.config, "--json", code=code)):
            found.setdefault(one["area"], []).append((one["level"], f"{one['said']} {one['mend']}"))
        return found

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def platform_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a platform that knows the factory, and that the doctor only asks."""
    url = sqlite_copy(tmp_path_factory.mktemp("platform") / "platform.sqlite")
    with serving(create_app(PlatformSettings(url, {"hal-2": TOKEN}), SystemClock().now)) as address:
        yield address


@pytest.fixture
def installation(tmp_path: Path, broker: Mosquitto, platform_url: str) -> Installation:
    (tmp_path / "policy.toml").write_text('factory = "hal-2"\n')
    for name in ("server-token", "platform-token"):
        (tmp_path / name).write_text(TOKEN)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "server.toml").write_text(
        f'token_file = "{tmp_path}/server-token"\npolicy = "{tmp_path}/policy.toml"\ndata_dir = "{tmp_path}/data"\n'
        f'port = {free_port()}\n[mqtt]\nurl = "{broker.url}"\n[platform]\nurl = "{platform_url}"\n'
        f'token_file = "{tmp_path}/platform-token"\n'
    )
    return Installation(tmp_path)


def test_a_healthy_installation(installation: Installation) -> None:
    found = installation.doctor(code=0)
    assert {area for area, rows in found.items() if all(level == "ok" for level, _ in rows)} >= {
        "configuration", "secrets", "broker", "store", "platform", "clock",
    }  # fmt: skip
    assert found["server"][0][0] == "warning", "it does not run yet"
    ((level, sentence),) = found["people"]
    assert (level, "platform-invite" in sentence) == ("warning", True), sentence
    assert TOKEN not in str(found)
    output = invoke("doctor", "--config", installation.config)
    assert "✓ broker" in output


def _no_broker(one: Installation) -> None:
    one.change('[mqtt]\nurl = "', f'[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}" # "')


def _no_such_port(one: Installation) -> None:
    one.change("mqtt://127.0.0.1:", "mqtt://127.0.0.1:99")


def _wrong_token(one: Installation) -> None:
    (one.folder / "platform-token").write_text("another-token-of-at-least-16")


def _short_token(one: Installation) -> None:
    (one.folder / "server-token").write_text("short")


def _readable(one: Installation) -> None:
    (one.folder / "server-token").chmod(0o644)


def _readable_webhook_secret(one: Installation) -> None:
    (one.folder / "hook").write_text("x" * 40)
    (one.folder / "hook").chmod(0o644)
    one.change("[platform]\n", f'[platform]\nwebhook_secret_file = "{one.folder}/hook"\n')


def _readable_log_in(one: Installation) -> None:
    (one.folder / "log-in").write_text("ingest\nx\n")
    (one.folder / "log-in").chmod(0o640)
    one.change("[mqtt]\n", f'[mqtt]\ncredentials_file = "{one.folder}/log-in"\n')


def _no_platform(one: Installation) -> None:
    one.change("[platform]\nurl = ", f'[platform]\nurl = "http://127.0.0.1:{free_port()}" #')


def _no_influxdb(one: Installation) -> None:
    table = f'[store]\nkind = "influxdb"\nurl = "http://127.0.0.1:{free_port()}"\ntoken_file = "{one.folder}/server-token"\n'
    one.change("[platform]", f"{table}[platform]")


def _bad_policy(one: Installation) -> None:
    (one.folder / "policy.toml").write_text('factory = "hal-2"\nminimum_slot = "soon"\n')


def _no_tls(one: Installation) -> None:
    one.change("mqtt://", "mqtts://")


@pytest.mark.parametrize(
    ("break_it", "area", "level", "expected"),
    [
        (_no_broker, "broker", "wrong", "no answer"), (_no_such_port, "configuration", "wrong", "mqtt://HOST:PORT"), (_wrong_token, "platform", "wrong", "does not accept this factory's token"),
        (_short_token, "secrets", "wrong", "shorter than 16"), (_readable, "secrets", "warning", "chmod 600"), (_readable_webhook_secret, "secrets", "warning", "the webhook secret is readable by others"),
        (_readable_log_in, "secrets", "warning", "the log-in for the MQTT broker is readable by others"),
        (_no_platform, "platform", "wrong", "does not answer"), (_no_influxdb, "store", "wrong", "InfluxDB does not answer"),
        (_bad_policy, "configuration", "wrong", "minimum_slot"), (_no_tls, "broker", "wrong", "certificate is not valid"),
    ],
)  # fmt: skip
def test_problems_are_reported(
    installation: Installation, break_it: Callable[[Installation], None], area: str, level: str, expected: str
) -> None:
    break_it(installation)
    found = installation.doctor(code=0 if level == "warning" else 1)
    assert any(one == level and expected in sentence for one, sentence in found[area]), found[area]


def test_calendars_that_are_not_understood(installation: Installation) -> None:
    """As the doctor says it, and `vrijloop calendars check` with the titles of the events."""
    day = f"{SystemClock().now():%Y%m%d}"
    (installation.folder / "orders.ics").write_bytes(
        calendar(f"DTSTART:{day}T080000Z\r\nDTEND:{day}T100000Z", "DTSTART:later\r\nSUMMARY:Order of a customer")
    )
    (installation.folder / "policy.toml").write_text(
        f'factory = "hal-2"\n[[feed]]\nsource = "{installation.folder}/orders.ics"\nmachine = "mill-1"\n'
    )
    ((level, sentence),) = installation.doctor(code=0)["calendars"]
    assert level == "warning"
    assert "planned periods: 1; 1 × without a start that can be read. Planned work may be missing." in sentence
    assert "customer" not in sentence
    checked = invoke("calendars", "check", "--config", installation.config, code=1)
    assert "orders.ics (mill-1): 1 planned period\n" in checked
    assert "Order of a customer (no time): without a start that can be read." in checked
    (found,) = json.loads(invoke("calendars", "check", "--json", "--config", installation.config, code=1))
    assert [one["machine"] for one in found["periods"]] == ["mill-1"]
    assert [(one["reason"], one["title"]) for one in found["skipped"]] == [("bad_start", "Order of a customer")]
    with (installation.folder / "policy.toml").open("a") as policy:
        policy.write('unclear = "block"\n')
    ((level, sentence),) = installation.doctor(code=0)["calendars"]
    assert (level, "Nothing is offered of what these events may be about." in sentence) == ("warning", True), sentence
    (installation.folder / "orders.ics").unlink()
    ((level, sentence),) = installation.doctor(code=1)["calendars"]
    assert (level, "There is no earlier copy." in sentence) == ("wrong", True), sentence


def test_the_password_of_a_calendar_is_a_secret(installation: Installation) -> None:
    password = installation.folder / "password"
    password.write_text("short")
    password.chmod(0o644)
    (installation.folder / "policy.toml").write_text(
        f'factory = "hal-2"\n[[feed]]\nsource = "https://127.0.0.1:{free_port()}/orders.ics"\nuser = "planner"\npassword_file = "{password}"\n'
        f'[[feed]]\nsource = "https://127.0.0.1:{free_port()}/leave.ics"\nuser = "planner"\npassword_file = "{password}-2"\n'
    )
    found = installation.doctor(code=1)["secrets"]
    assert ("warning", f"{password}: the password of planner is readable by others. chmod 600 {password}") in found
    assert not any("shorter than" in sentence for _, sentence in found), "a person chose it elsewhere"
    assert any(level == "wrong" and f"{password}-2" in sentence for level, sentence in found), "of the same user"


@pytest.mark.servers
def test_a_broker_that_asks_for_a_certificate(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    make_certificates(folder)
    broker = Mosquitto(folder, extra=ask_for_certificate(folder))
    broker.start()
    installation.change(
        '[mqtt]\nurl = "', f'[mqtt]\nca_file = "{folder}/ca.pem"\nurl = "mqtts://localhost:{broker.port}" # "'
    )
    found = installation.doctor(code=1)["broker"]
    assert any("without an answer; it may expect a certificate" in sentence for _, sentence in found), found
    broker.stop()


@pytest.mark.servers
def test_a_missing_bucket(installation: Installation, influx_url: str) -> None:
    table = f'[store]\nkind = "influxdb"\nurl = "{influx_url}"\nbucket = "nowhere"\ntoken_file = "{installation.folder}/server-token"\n'
    installation.change("[platform]", f"{table}[platform]")
    found = installation.doctor(code=1)["store"]
    assert [level for level, _ in found] == ["ok", "wrong"]
    assert "nowhere" in found[1][1]


@pytest.mark.parametrize(
    ("status", "answer", "level", "expected"),
    [
        (503, {"detail": "InfluxDB at http://influx:8086 does not answer: refused"}, "wrong", "is running, but cannot reach its store: InfluxDB at http://influx:8086 does not answer: refused."),
        (503, "<html>Service unavailable</html>", "wrong", "another program may be listening"),
        (200, {"stored": 1, "failing_tasks": [{"task": "deleting states older than `keep`", "why": "'results'", "since": "2026-11-27T08:00:00Z"}]},
         "warning", "Deleting states older than `keep` fails since 2026-11-27T08:00:00Z: 'results'."),
    ],
)  # fmt: skip
def test_what_the_running_server_says(
    installation: Installation, status: int, answer: dict[str, Any] | str, level: str, expected: str
) -> None:
    app = FastAPI()

    @app.get("/api/v1/status")
    def say() -> Response:
        return JSONResponse(answer, status) if isinstance(answer, dict) else HTMLResponse(answer, status)

    port = int(installation.config.read_text().partition("port = ")[2].partition("\n")[0])
    with serving(app, port):
        found = installation.doctor(code=1 if level == "wrong" else 0)["server"]
    assert any(one == level and expected in sentence for one, sentence in found), found


def test_a_platform_at_another_address(installation: Installation) -> None:
    app, port = FastAPI(), free_port()

    @app.get("/api/v1/bookings")
    def moved() -> Response:
        return RedirectResponse("https://platform.example/api/v1/bookings", 301)

    installation.change("[platform]\nurl = ", f'[platform]\nurl = "http://127.0.0.1:{port}" #')
    with serving(app, port):
        found = installation.doctor(code=1)["platform"]
    assert found == [("wrong", f"http://127.0.0.1:{port} answered 301. Correct `url` in [platform].")]


def test_clocks_and_disks() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert clocks(now, now + timedelta(seconds=2)).level == "ok"
    apart = clocks(now, now + timedelta(minutes=3))
    assert (apart.level, "180 s" in apart.said) == ("warning", True)
    assert disk(Path("/"), (100_000_000_000, 0, 50_000_000_000)).level == "ok"
    assert disk(Path("/"), (100_000_000_000, 0, 2_000_000_000)).level == "warning"
    assert disk(Path("/"), (5_000_000_000, 0, 900_000_000)).level == "warning"


class Refusing:
    """A mail server that refuses all mail."""

    def send(self, mail: EmailMessage) -> None:
        raise NotSentError("550 no such user")


def platform_doctor(url: str, code: int = 0) -> dict[str, tuple[str, str]]:
    """Findings by area: (level, sentence and remedy)."""
    found = json.loads(invoke("doctor", "--platform-database", url, "--json", code=code))
    return {one["area"]: (one["level"], f"{one['said']} {one['mend']}") for one in found}


def test_a_healthy_platform(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: (10**12, 0, 10**12)
    )  # the disk of this machine does not matter here
    open_database(database_url)
    assert {level for level, _ in platform_doctor(database_url).values()} == {"ok"}


def test_a_factory_in_which_nobody_can_answer(database_url: str) -> None:
    with open_database(database_url).begin() as session:
        ensure_configured(session, ["genk"], SystemClock().now())
    level, sentence = platform_doctor(database_url)["people"]
    assert level == "warning"
    assert "Nobody can answer requests to genk" in sentence
    assert "vrijloop platform-invite genk EMAIL" in sentence


def test_a_platform_whose_mails_do_not_arrive(database_url: str) -> None:
    """A delay of ten minutes is normal; after that there is a warning, which also counts mails that were given up
    days ago."""
    present = [SystemClock().now() - timedelta(minutes=9)]
    sessions = open_database(database_url)
    courier = DeliveryWorker(sessions, lambda: present[0], Channels(Refusing(), "p@hal.be", lambda *_: None, False))
    with sessions.begin() as session:
        account, _ = get_or_create_account(session, "an@startup.be", "An", "nl", present[0])
        queue_mail(session, account, "reset", "UTC", present[0], link="y")
    courier.deliver_due()
    assert platform_doctor(database_url)["e-mails"][0] == "ok"
    with sessions.begin() as session:
        session.execute(update(Mail).values(created=present[0] - timedelta(minutes=2)))
    level, sentence = platform_doctor(database_url)["e-mails"]
    assert level == "warning"
    assert (
        "1 have been waiting for more than ten minutes, 0 were given up. Latest reason: 550 no such user." in sentence
    )
    for _ in RETRY_AFTER:
        present[0] += timedelta(days=1)
        courier.deliver_due()
    assert (
        "0 have been waiting for more than ten minutes, 1 were given up" in platform_doctor(database_url)["e-mails"][1]
    )


def test_a_platform_of_an_older_version_or_none_at_all(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/none.sqlite"
    assert "there is no such database" in platform_doctor(missing, code=1)["database"][1]
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    engine = create_engine(f"sqlite:///{tmp_path}/old.sqlite")
    with engine.begin() as connection:
        migrate(connection, "0004")
    found = platform_doctor(str(engine.url), code=1)
    assert found.keys() == {"database"}
    assert "platform-migrate" in found["database"][1]
    away = f"postgresql+psycopg://vrijloop@127.0.0.1:{free_port()}/platform"
    assert "cannot be read" in platform_doctor(away, code=1)["database"][1]


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(UserError, match="--platform-database"):
        invoke("doctor")
