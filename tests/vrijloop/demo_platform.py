"""The demo's region and its page `/demo` on a platform of the tests."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

from tests.platform_databases import sqlite_copy
from tests.sharing_platform.conftest import Platform, platform_over
from vrijloop.demo import region
from vrijloop.demo.workplace import Workplace

TOLD = tomllib.loads(region.REGION.read_text())
FACTORY = "hal-2"
"""Plays the part of each of the demo's factories on the platform of the tests, which knows no others."""
ON_REQUEST = ("frees-5as",)


@contextmanager
def demo_platform(folder: Path) -> Iterator[tuple[Platform, Workplace]]:
    """A platform with the machines of the demo's factories, and the place of the demo as far as its region needs it."""
    text = region.REGION.read_text()
    for one in TOLD["factory"]:
        text = text.replace(f'id = "{one["id"]}"', f'id = "{FACTORY}"')
    (folder / "region.toml").write_text(text)
    url = sqlite_copy(folder / "platform.sqlite")
    with patch.object(region, "REGION", folder / "region.toml"), platform_over(url) as platform:
        for machine in (name for one in TOLD["factory"] for name in one["machines"]):
            platform.machine(machine, machine, process="milling")
            booking = "on_request" if machine in ON_REQUEST else "instant"
            for number, start in enumerate((30, 54, 78, 102)):
                platform.offer(
                    f"o-{machine}-{number}",
                    start,
                    6,
                    machine=machine,
                    booking=booking,
                    price_per_hour="60",
                    minimum_hours=2,
                )
        yield platform, cast("Workplace", SimpleNamespace(factory=FACTORY, database_url=url, platform_url=platform.url))
