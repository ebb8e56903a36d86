"""What is sent is what was shown, once for a month, no more than the budget, and nothing without the factory's consent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from analytics.comparison.contribution import A_YEAR, FIGURES
from analytics.comparison.ledger import BudgetSpentError, Ledger
from analytics.comparison.sender import ComparisonSender
from analytics.policy.policy import Policy
from analytics.publishing.platform_client import PlatformUnavailableError
from telemetry import Clock
from tests.analytics.comparison.factory import NOW, SHARES, TAKES_PART, Factory, SeenPlatform


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    made = Factory(tmp_path)
    yield made
    made.close()


def test_nothing_leaves_without_consent(factory: Factory) -> None:
    factory.policy = Policy(factory="hal-2", machine=TAKES_PART.machine)
    for _ in range(3):
        factory.look(timedelta(hours=2))
    assert factory.platform.calls == []
    assert factory.ledger.entries() == []


def test_what_is_shown_first_is_sent_later_to_the_byte(factory: Factory) -> None:
    factory.look()
    (shown,) = factory.sender.entries()
    assert (shown.month, shown.process_class, shown.state) == ("2026-02", 3, "waiting")
    assert shown.exact == pytest.approx({"energy_while_idle": None, "availability": 1.0, "utilization_efficiency": 1.0} | dict.fromkeys(FIGURES[2:3], 0.0) | dict.fromkeys(FIGURES[4:], 0.0))  # fmt: skip
    factory.look(timedelta(days=3) - timedelta(seconds=1))
    assert factory.platform.bodies == []
    assert "takes part: True" not in factory.platform.calls, "not even that is told before"
    factory.look(timedelta(seconds=1))
    assert factory.platform.bodies == [shown.body]
    assert factory.platform.calls[-2:] == ["takes part: True", "PUT"]
    factory.look(timedelta(hours=2))
    assert factory.platform.bodies == [shown.body]
    assert factory.sender.entries()[0].state == "sent"


def test_after_leaving_and_returning_the_same_bytes_are_sent_never_fresh_noise(factory: Factory) -> None:
    factory.look()
    factory.look(timedelta(days=3))
    factory.policy = Policy(factory="hal-2", machine=TAKES_PART.machine)
    factory.look(timedelta(seconds=5))
    assert factory.platform.standing == {}
    assert not factory.platform.takes_part
    factory.policy = TAKES_PART
    factory.look(timedelta(seconds=5))
    assert len(factory.platform.bodies) == 2
    assert len(set(factory.platform.bodies)) == 1


def test_what_somebody_withholds_is_never_sent(factory: Factory) -> None:
    factory.look()
    assert factory.sender.withhold("2026-02", 3) is not None
    assert factory.sender.withhold("2026-02", 3) is None
    for _ in range(5):
        factory.look(timedelta(days=1))
    assert factory.platform.bodies == []
    assert [one.state for one in factory.sender.entries()] == ["withheld"]


class SlowPlatform(SeenPlatform):
    """While it answers, somebody withholds what has not been sent yet."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    def put_contribution(self, body: bytes) -> None:
        super().put_contribution(body)
        for one in self.ledger.entries():
            self.ledger.withhold(one.month, one.process_class, NOW)


def test_what_somebody_withholds_while_others_are_sent_is_never_sent(factory: Factory) -> None:
    for process_class in (2, 3, 4):
        factory.ledger.prepare("2026-02", process_class, SHARES, NOW, NOW)
    platform = SlowPlatform(factory.ledger)
    ComparisonSender(platform, factory.ledger, factory.store, lambda: TAKES_PART, cast("Clock", factory.clock)).look()
    assert len(platform.bodies) == 1
    assert sorted(one.state for one in factory.ledger.entries()) == ["sent", "withheld", "withheld"]


def test_what_could_not_be_sent_waits_and_can_be_withheld(factory: Factory) -> None:
    factory.look()
    factory.platform.away = True
    with pytest.raises(PlatformUnavailableError):
        factory.look(timedelta(days=3))
    assert [one.state for one in factory.sender.entries()] == ["waiting"]
    assert factory.sender.withhold("2026-02", 3) is not None


def test_what_arrived_without_an_answer_counts_as_sent_even_if_somebody_withholds_it_then(factory: Factory) -> None:
    factory.look()
    factory.platform.answers = False
    with pytest.raises(PlatformUnavailableError):
        factory.look(timedelta(days=3))
    factory.platform.answers = True
    assert factory.sender.withhold("2026-02", 3) is not None
    factory.look(timedelta(hours=1))
    assert [one.state for one in factory.sender.entries()] == ["sent"]
    assert len(factory.platform.bodies) == 1


def test_what_arrived_without_an_answer_is_not_asked_for_again_and_again(factory: Factory) -> None:
    factory.look()
    factory.platform.answers = False
    with pytest.raises(PlatformUnavailableError):
        factory.look(timedelta(days=3))
    factory.platform.answers = True
    factory.look(timedelta(seconds=5))
    asked = len(factory.platform.calls)
    for _ in range(3):
        factory.look(timedelta(seconds=5))
    assert len(factory.platform.calls) == asked


def test_who_has_left_on_the_platform_is_not_pressed(factory: Factory) -> None:
    factory.look()
    factory.platform.left_by_people = True
    factory.look(timedelta(days=3))
    assert factory.sender.refused
    asked = len(factory.platform.calls)
    for _ in range(10):
        factory.look(timedelta(minutes=5))
    assert len(factory.platform.calls) == asked
    factory.platform.left_by_people = False
    factory.look(timedelta(hours=1))
    assert len(factory.platform.bodies) == 1


def test_after_a_restored_backup_no_noise_is_drawn_for_a_month_that_was_sent(factory: Factory, tmp_path: Path) -> None:
    factory.look()
    factory.look(timedelta(days=3))
    (sent,) = factory.platform.bodies
    empty = Ledger(tmp_path / "restored.sqlite")
    policies = [TAKES_PART]
    clock = cast("Clock", factory.clock)
    sender = ComparisonSender(factory.platform, empty, factory.store, lambda: policies[-1], clock)
    sender.look()
    assert [one.body for one in empty.entries()] == [sent]
    assert set(factory.platform.bodies) == {sent}
    policies.append(Policy(factory="hal-2", machine=TAKES_PART.machine))
    sender.look()
    assert not factory.platform.takes_part, "it can leave, too"
    empty.close()


def restored(factory: Factory, file: Path) -> tuple[Ledger, ComparisonSender]:
    """A ledger of before anything was drawn."""
    ledger = Ledger(file)
    return ledger, ComparisonSender(
        factory.platform, ledger, factory.store, lambda: factory.policy, cast("Clock", factory.clock)
    )


def test_after_a_restored_backup_no_noise_is_drawn_for_what_was_deleted_since(factory: Factory, tmp_path: Path) -> None:
    factory.look()
    factory.look(timedelta(days=3))
    factory.platform.set_comparison(False)
    factory.platform.set_comparison(True)
    ledger, sender = restored(factory, tmp_path / "restored.sqlite")
    for _ in range(3):
        sender.look()
        factory.clock.moment += timedelta(days=2)
    assert ledger.entries() == []
    assert len(factory.platform.bodies) == 1, "a month is told once"
    for month in (5, 8, 11):
        ledger.prepare(f"2026-{month:02}", 3, SHARES, NOW, NOW)
    with pytest.raises(BudgetSpentError, match="4 months of 2026"):
        ledger.prepare("2026-12", 3, SHARES, NOW, NOW)
    ledger.close()


def test_after_a_restored_backup_nobody_is_brought_back_who_has_left(factory: Factory, tmp_path: Path) -> None:
    ledger, sender = restored(factory, tmp_path / "restored.sqlite")
    ledger.prepare("2026-02", 3, SHARES, NOW, NOW)
    factory.platform.left_by_people = True
    sender.look()
    assert sender.refused
    assert "takes part: True" not in factory.platform.calls
    assert factory.platform.bodies == []
    factory.platform.left_by_people, factory.platform.takes_part = False, True
    factory.clock.moment += timedelta(hours=1)
    sender.look()
    assert len(factory.platform.bodies) == 1, "they take part again, on the platform's page"
    ledger.close()


def test_a_month_of_which_too_little_is_known_is_not_sent(factory: Factory) -> None:
    factory.clock.moment = datetime(2026, 6, 5, tzinfo=UTC)  # the month is May, in which nothing was heard
    factory.look()
    assert factory.sender.entries() == []


def test_no_more_is_drawn_in_a_year_than_was_decided(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "comparison.sqlite")
    drawn = [ledger.prepare(f"2026-{month:02}", 3, SHARES, NOW, NOW) for month in (2, 5, 8, 11)]
    assert len(drawn) == A_YEAR
    with pytest.raises(BudgetSpentError, match="4 months of 2026"):
        ledger.prepare("2026-12", 3, SHARES, NOW, NOW)
    again = ledger.prepare("2026-02", 3, SHARES | {"idle": 0.9}, NOW, NOW)
    assert again.body == drawn[0].body, "whatever the figures are by then"
    ledger.prepare("2026-12", 4, SHARES, NOW, NOW)
    ledger.prepare("2027-02", 3, SHARES, NOW, NOW)
    ledger.close()
    reopened = Ledger(tmp_path / "comparison.sqlite")
    assert reopened.prepare("2026-02", 3, SHARES, NOW, NOW).body == drawn[0].body
    reopened.close()
