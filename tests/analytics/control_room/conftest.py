"""A server with a control room, a platform, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from sharing_platform.app import PlatformSettings, create_app
from telemetry import ShiftedClock
from tests.analytics.control_room.signing_in import Door, open_door
from tests.analytics.policy.test_calendar_events import calendar
from tests.analytics.rig import Rig, SetClock
from tests.analytics.tables import utc
from tests.platform_databases import sqlite_copy
from tests.servers import answers, free_port, serving, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NOW = utc(2, 12, month=3)
"""A Monday at noon."""
TOKEN = "token-of-the-control-room"
PLATFORM_TOKENS = {"hal-2": "secret-of-hal-2-itself", "start-up": "secret-of-start-up"}


@dataclass
class Room:
    url: str
    platform: str
    process: subprocess.Popen[bytes]
    config: Path
    heard: list[str] = field(default_factory=list)

    def offers(self, machine: str | None = None) -> list[dict[str, Any]]:
        found = httpx2.get(f"{self.platform}/api/v1/offers", params={"limit": 1000}, timeout=20).json()["offers"]
        return [one for one in found if machine in (None, one["machine"])]

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(method, self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, **more)


@pytest.fixture(scope="package")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    app = create_app(
        PlatformSettings(sqlite_copy(folder / "platform.sqlite"), PLATFORM_TOKENS, "UTC"), ShiftedClock(NOW).now
    )
    with serving(app) as platform:
        data = folder / "server"
        data.mkdir()
        seeded = Rig(data, platform, SetClock(NOW))
        for machine in ("lathe-2", "mill-1"):
            seeded.two_shifts(machine)
        seeded.close()
        (data / "store.duckdb").rename(data / "states.duckdb")
        for name, secret in (("token", TOKEN), ("platform-token", PLATFORM_TOKENS["hal-2"])):
            (folder / name).write_text(secret)
        (folder / "orders.ics").write_bytes(
            calendar(
                "DTSTART:20260308T030000Z\r\nDTEND:20260308T040000Z\r\nSUMMARY:Mill 1: order 12",
                "DTSTART:later\r\nSUMMARY:Order of a customer",
                "DTSTART:20260303T190000Z\r\nDTEND:20260303T200000Z\r\nSUMMARY:Birthday",
                "DTSTART:20260304T190000Z\r\nDTEND:20260304T200000Z\r\nSUMMARY:Birthday",
            )
        )
        (folder / "policy.toml").write_text(
            'factory = "hal-2"\nzone = "Europe/Brussels"\nholidays = ""\nnotice = "0s"\nrequired_probability = 0.5\n'
            'max_silence = "2h"\n[machine.mill-1]\napproval = "ask"\nanswer_within = "48h"\n'
            f'[[feed]]\nsource = "{folder}/orders.ics"\n[[feed]]\nsource = "http://127.0.0.1:1/secret-3141/orders.ics"\nmachine = "mill-1"\n'
        )
        (folder / "platform.toml").write_text(
            f'[platform]\nurl = "{platform}"\ntoken_file = "{folder}/platform-token"\n'
        )
        with _running(folder, data, platform) as room:
            wait_for(lambda: bool(room.offers("lathe-2")), "the first round")
            yield room


@pytest.fixture
def room_without_platform(tmp_path: Path) -> Iterator[Room]:
    data = tmp_path / "server"
    data.mkdir()
    seeded = Rig(data, "", SetClock(NOW))
    seeded.two_shifts("lathe-2")
    seeded.close()
    (data / "store.duckdb").rename(data / "states.duckdb")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "policy.toml").write_text(
        'factory = "hal-2"\nzone = "Europe/Brussels"\nholidays = ""\nnotice = "0s"\nrequired_probability = 0.5\n'
    )
    with _running(tmp_path, data, "") as room:
        yield room


@contextmanager
def _running(folder: Path, data: Path, platform: str) -> Iterator[Room]:
    """A server with the policy, token and, if it is there, `platform.toml` of the folder."""
    port, table = free_port(), folder / "platform.toml"
    (folder / "server.toml").write_text(
        f'data_dir = "{data}"\nport = {port}\ntoken_file = "{folder}/token"\npolicy = "{folder}/policy.toml"\ningest = false\n'
        + (table.read_text() if table.exists() else "")
    )
    command = [
        sys.executable,
        "-m",
        "vrijloop",
        "server",
        "-c",
        str(folder / "server.toml"),
        "--as-of",
        NOW.isoformat(),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"))
    try:
        room = Room(f"http://127.0.0.1:{port}", platform, process, folder / "server.toml")
        wait_for(lambda: answers(room.url) or process.poll() is not None, "the server to answer")
        yield room
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """For tests of signing in: their own fixture `door` has it as when it opened."""
    with open_door(tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.fixture
def page(room: Room, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=room.url, locale="nl-BE")
    page = context.new_page()
    room.heard.clear()
    page.on("console", lambda one: room.heard.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: room.heard.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.on(
        "request", lambda one: None if one.url.startswith((room.url, "data:")) else room.heard.append(f"asks {one.url}")
    )
    yield page
    context.close()
    assert room.heard == []


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.goto("/")
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Aanmelden", exact=True).click()
    expect(page.locator("#kill-state")).not_to_be_empty()
