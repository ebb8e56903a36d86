"""What the platform does by itself, in threads of its own."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from sharing_platform.regional_statistics import service
from tests.platform_databases import reset_sqlite
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform, platform_over

pytestmark = pytest.mark.servers


def asked(platform: Platform) -> str:
    platform.machine()
    platform.offer(booking="on_request")
    return str(platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"])


def state(platform: Platform, booking: str) -> str:
    return str(platform.startup.get(f"/api/v1/bookings/{booking}").json()["state"])


def test_what_is_due_happens_by_itself() -> None:
    """Every other test of what time brings calls it itself."""
    with platform_over(reset_sqlite(), scheduler_interval_s=0.05) as platform:
        booking = asked(platform)
        assert state(platform, booking) == "held"
        platform.present[0] += timedelta(hours=49)
        wait_for(lambda: state(platform, booking) == "expired", "the request to run out")


def test_no_booking_waits_for_the_regions_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def update(*_: Any) -> None:
        begun.set()
        goes_on.wait()

    monkeypatch.setattr(service, "update", update)
    with platform_over(reset_sqlite(), scheduler_interval_s=0.05) as platform:
        try:
            assert begun.wait(30)
            booking = asked(platform)
            platform.present[0] += timedelta(hours=49)
            wait_for(lambda: state(platform, booking) == "expired", "the request to run out")
        finally:
            goes_on.set()


def test_a_change_makes_no_work_but_to_tell_of_it() -> None:
    """What goes by the time is left to the time: between two of its hours nothing of it is done, whatever is written."""
    with platform_over(reset_sqlite()) as platform:
        booking = asked(platform)
        planner = platform.somebody("p@hal.be", "hal-2")
        platform.present[0] += timedelta(hours=49)
        member = {"name": "Els", "email": "els@hal.be"}
        assert planner.post("/api/v1/organisation/members", json=member).is_success
        platform.mail("els@hal.be")
        assert state(platform, booking) == "held"
        platform.tick()
        assert state(platform, booking) == "expired"
