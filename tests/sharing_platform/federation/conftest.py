"""Two regions that have agreed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sharing_platform.federation.regions import Regions, regions_over


@pytest.fixture
def strangers() -> Iterator[Regions]:
    """Limburg and Luik, which do not know each other."""
    with regions_over("Limburg", "Luik") as regions:
        yield regions


@pytest.fixture
def friends(strangers: Regions) -> Regions:
    """They have agreed, and Luik has heard what Limburg shares."""
    limburg, _ = strangers.all
    strangers.befriend()
    limburg.platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    limburg.platform.offer(
        "o1", start_h=24, hours=8, price_per_hour="85.00", minimum_hours=2, booking="instant", cancellation_hours=1
    )
    strangers.talk()
    return strangers
