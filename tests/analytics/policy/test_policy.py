"""The policy file: defaults, exceptions per machine and group, and error messages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from analytics.policy.policy import Policy, parse_offered_hours
from analytics.policy.public_holidays import country_of_zone, holidays_between
from telemetry import UserError, load_settings


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return load_settings(path, Policy)


def test_a_machine_has_the_defaults_and_its_own_exceptions(tmp_path: Path) -> None:
    whole = policy(
        tmp_path,
        'factory = "hal-2"\nminimum_slot = "3h"\noffered = ["mon-fri 18:00-24:00"]\n'
        '[machine.lathe-2]\nminimum_slot = "4h"\n[machine.mill-3]\noffer = false\n',
    )
    lathe, mill, other = (whole.for_machine(name) for name in ("lathe-2", "mill-3", "saw-1"))
    assert lathe.minimum_slot == timedelta(hours=4)
    assert lathe.offered == whole.offered
    assert (mill.offer, mill.minimum_slot) == (False, timedelta(hours=3))
    assert (other.offer, other.minimum_slot) == (True, timedelta(hours=3))


def test_a_group_overrides_defaults_and_a_machine_overrides_its_group(tmp_path: Path) -> None:
    whole = policy(
        tmp_path,
        'minimum_slot = "3h"\nnotice = "1h"\n[group.turning]\nminimum_slot = "4h"\nnotice = "5h"\n'
        '[machine.lathe-2]\ngroup = "turning"\nnotice = "6h"\n',
    )
    own = whole.for_machine("lathe-2")
    assert (own.minimum_slot, own.notice) == (timedelta(hours=4), timedelta(hours=6))
    assert (whole.group_of("lathe-2"), whole.group_of("mill-3")) == ("turning", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('offered = ["weekdays"]', "mon-fri 06:00-22:00"),
        ('offered = ["mon 22:00-06:00"]', "the start before the end"),
        ('zone = "Europe/Genk"', "not a known time zone"),
        ('zone = "Europe"', "not a known time zone"),
        ('holidays = "XX"', "not a country whose public holidays are known"),
        ('minimum_slot = "5m"', "minimum_slot"),
        ("required_probability = 1.0", "required_probability"),
        ('minimum_slott = "2h"', "minimum_slot"),
        ("[machine.lathe]\nofer = false", "offer"),
        ('[machine.lathe]\ngroup = "turning"', "no [group.turning] table"),
        ('blackout = ["christmas"]', "2026-12-24"),
        ('blackout = ["2026-12-24/2026-12-01"]', "ends before it begins"),
        ("largest_share = 1.5", "largest_share"),
        ("[price]\nper_hour = -1", "per_hour"),
    ],
)
def test_invalid_policies_are_reported(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError) as refused:
        policy(tmp_path, text)
    assert expected in str(refused.value)
    assert "policy.toml:" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 06:00-22:00", datetime(2026, 1, 5, 21, 45), datetime(2026, 1, 5, 22, 0)),
        ("sat 08:00-24:00", datetime(2026, 1, 10, 23, 45), datetime(2026, 1, 11, 0, 0)),
        ("sat-mon 00:00-01:00", datetime(2026, 1, 11, 0, 45), datetime(2026, 1, 13, 0, 0)),
    ],
)
def test_offered_hours(text: str, inside: datetime, outside: datetime) -> None:
    hours = parse_offered_hours(text)
    assert hours.contains(inside, timedelta(minutes=15))
    assert not hours.contains(outside, timedelta(minutes=15))


@pytest.mark.parametrize(
    ("zone", "country"), [("Europe/Brussels", "BE"), ("Asia/Seoul", "KR"), ("Europe/Berlin", "DE"), ("UTC", "")]
)
def test_the_holidays_are_those_of_the_zone_unless_others_are_named(zone: str, country: str) -> None:
    assert country_of_zone(zone) == country
    assert Policy(zone=zone).country == country
    assert Policy(zone=zone, holidays="NL").country == "NL"
    assert Policy(zone=zone, holidays="").country == ""


def test_belgian_public_holidays() -> None:
    found = holidays_between("BE", date(2026, 7, 1), date(2026, 12, 31))
    assert {date(2026, 7, 21), date(2026, 8, 15), date(2026, 11, 1), date(2026, 11, 11), date(2026, 12, 25)} <= found
    assert holidays_between("", date(2026, 7, 1), date(2026, 12, 31)) == set()
