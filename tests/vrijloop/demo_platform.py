"""The demo's region and its page `/demo` on a platform of the tests."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sharing_platform.notifications.mail import FolderMailer
from sharing_platform.organisations.credentials import hash_passwords_fast
from sharing_platform.scheduler import ScheduledJobs
from simulators.limburg import PLANTS
from tests.platform_databases import sqlite_copy
from tests.sharing_platform.conftest import NOON, Platform, client, platform_over
from vrijloop.demo.region import EVERY, Region
from vrijloop.demo.script_clock import ScriptClock
from vrijloop.demo.sign_in_page import add_demo
from vrijloop.demo.verbs import Stage
from vrijloop.platform_server import PlatformOptions

TOKENS = {plant.factory: f"token-of-{plant.factory}" for plant in PLANTS}
ON_REQUEST = ("frees-5as", "portaalfrees-1")


@contextmanager
def demo_platform(folder: Path) -> Iterator[Platform]:
    """A platform on which the script has been played, at noon of its last day, with the page `/demo`."""
    with (
        closing(sqlite3.connect(_played() / "platform.sqlite")) as played,
        closing(sqlite3.connect(folder / "platform.sqlite")) as copy,
    ):
        played.backup(copy)  # a copy of the file would lack what stands in its journal
    with platform_over(f"sqlite:///{folder / 'platform.sqlite'}", tokens=TOKENS) as platform:
        assert platform.app is not None
        add_demo(platform.app, folder)
        yield platform


@contextmanager
def empty_platform(folder: Path) -> Iterator[Platform]:
    """A platform that knows the demo's factories, on which nothing has been played."""
    url = sqlite_copy(folder / "platform.sqlite")
    with platform_over(url, tokens=TOKENS, mailer=FolderMailer(folder / "mail")) as platform:
        assert platform.app is not None
        add_demo(platform.app, folder)
        yield platform


@dataclass
class _PlatformsClock(ScriptClock):
    """The clock of a platform of the tests."""

    platform: Platform

    def now(self) -> datetime:
        return self.platform.present[0]

    def put(self, moment: datetime) -> None:
        self.platform.present[0] = moment


@cache
def _played() -> Path:
    """The script is played once for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="vrijloop-region-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with empty_platform(folder) as platform, ExitStack() as opened, hash_passwords_fast():
        assert platform.app is not None
        jobs = ScheduledJobs(platform.context, platform.app.state.machine_index, EVERY)
        options = PlatformOptions(f"sqlite:///{folder / 'platform.sqlite'}", url=platform.url)
        region = Region(Stage(options, folder / "mail", _PlatformsClock(platform), jobs.tick), NOON, opened)
        region.play_fortnight(platform.url)
        _offer_hours(platform.url)
        region.play_present(platform.url)
    return folder


def _offer_hours(url: str) -> None:
    """As the factories' servers do."""
    for plant in PLANTS:
        with client(url, headers={"Authorization": f"Bearer {TOKENS[plant.factory]}"}) as server:
            for machine in plant.machines:
                for number, start in enumerate((30, 54, 78, 102)):
                    begin = NOON + timedelta(hours=start)
                    offer = {
                        "factory": plant.factory, "machine": machine.machine, "start": begin.isoformat(),
                        "end": (begin + timedelta(hours=6)).isoformat(), "probability": 0.95, "checked": 40, "broken": 2,
                        "price_per_hour": "60", "minimum_hours": 2,
                        "booking": "on_request" if machine.machine in ON_REQUEST else "instant",
                    }  # fmt: skip
                    answer = server.put(f"/api/v1/offers/o-{machine.machine}-{number}", json=offer)
                    assert answer.status_code in (200, 201, 409), answer.text  # what is booked is not free
