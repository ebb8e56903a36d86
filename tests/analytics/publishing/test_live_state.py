"""What the platform is told of a machine's state, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics.publishing.live_state import says_something_new
from analytics.publishing.platform_client import MachineCard

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)


def card(now: str, since: datetime | None = NOON, title: str = "Freesbank") -> MachineCard:
    return MachineCard("mill-1", title, "milling", now, since)


@pytest.mark.parametrize(
    ("told", "newest", "is_new"),
    [
        (None, card("unknown"), True),
        (card("unknown"), card("unknown", LATER), False),  # a backlog is being read
        (card("unknown"), card("unknown", LATER, "Freesbank 2"), True),
        (card("in_use"), card("unknown", LATER), True),
        (card("unknown"), card("standing_still", LATER), True),
        (card("in_use"), card("in_use"), False),
        (card("in_use"), card("in_use", LATER), True),
        (card("not_shown", None), card("not_shown", None), False),
    ],
)
def test_the_platform_is_told_what_is_new(told: MachineCard | None, newest: MachineCard, is_new: bool) -> None:
    assert says_something_new(newest, told) is is_new
