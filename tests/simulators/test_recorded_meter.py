"""A recorded meter: the peculiarities of the real file, and an error message for each invalid row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.recorded_meter import read_recorded_meter
from telemetry import UserError
from tests.servers import shared_file


def recording(tmp_path: Path, *rows: str, header: str = "date,usage_kwh") -> Path:
    path = tmp_path / "meter.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_midnight_with_the_date_of_the_day_it_ends(tmp_path: Path) -> None:
    path = recording(tmp_path, "01-01-2018 23:45,1.5", "01-01-2018 00:00,2.5", "02-01-2018 00:15,3.5")
    meter = read_recorded_meter(path)
    assert meter.ends == [datetime(2018, 1, 1, 23, 45, tzinfo=UTC) + timedelta(minutes=15 * i) for i in range(3)]
    assert meter.power_w == [6000.0, 10_000.0, 14_000.0]
    assert meter.power_at(meter.start) == 6000.0
    assert meter.power_at(meter.start + timedelta(minutes=15)) == 10_000.0
    assert meter.power_at(meter.end) == 14_000.0
    assert meter.power_at(meter.start - timedelta(seconds=1)) is None
    assert meter.power_at(meter.end + timedelta(seconds=1)) is None


def test_a_gap_in_the_file_has_no_value(tmp_path: Path) -> None:
    path = recording(tmp_path, "01-01-2018 00:15,1", "01-01-2018 00:30,1", "01-01-2018 02:00,1")
    meter = read_recorded_meter(path)
    assert meter.power_at(datetime(2018, 1, 1, 1, 0, tzinfo=UTC)) is None
    assert meter.power_at(datetime(2018, 1, 1, 1, 50, tzinfo=UTC)) == 4000.0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("01-01-2018 00:30,much", ":3: usage_kwh 'much' is not a number"),
        ("01-01-2018 00:30,nan", ":3: usage_kwh 'nan' is not a possible energy"),
        ("01-01-2018 00:30,-1", ":3: usage_kwh '-1' is not a possible energy"),
        ("2018-01-01T00:30,1", ":3: date '2018-01-01T00:30' is not of the form DD-MM-YYYY HH:MM"),
        ("01-01-2018 00:30", ":3: 1 columns where 2 are expected"),
        ("01-01-2018 00:15,1", ":3: date '01-01-2018 00:15' does not lie after the row before it"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = recording(tmp_path, "01-01-2018 00:15,1", row, "01-01-2018 00:45,1", "01-01-2018 01:00,1")
    with pytest.raises(UserError) as refused:
        read_recorded_meter(path)
    assert said in str(refused.value)
    assert "--skip-broken-rows" in str(refused.value)
    meter = read_recorded_meter(path, skip_broken=True)
    assert meter.power_at(datetime(2018, 1, 1, 0, 20, tzinfo=UTC)) is None
    assert meter.power_at(datetime(2018, 1, 1, 0, 40, tzinfo=UTC)) == 4000.0


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ([], "date,usage_kwh", "at least two rows"),
        (["x"], "time,power", ":1: the first line must be `date,usage_kwh`"),
    ],
)
def test_a_file_that_is_not_a_recording_is_an_error(tmp_path: Path, rows: list[str], header: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_recorded_meter(recording(tmp_path, *rows, header=header))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        read_recorded_meter(tmp_path / "none.csv")


def test_a_zone_with_dst_is_refused_for_a_file_without(tmp_path: Path) -> None:
    rows = [f"25-03-2018 {hour:02}:{minute:02},1" for hour in range(1, 4) for minute in (0, 15, 30, 45)]
    path = recording(tmp_path, *rows)
    assert len(read_recorded_meter(path, "Asia/Seoul").ends) == 12
    with pytest.raises(UserError, match=r"\(DST\)"):
        read_recorded_meter(path, "Europe/Brussels")


def test_the_real_recording() -> None:
    meter = read_recorded_meter(shared_file("data", "steel_2018_15min.csv"), "Asia/Seoul")
    assert len(meter.ends) == 35_040
    assert meter.end - meter.start == timedelta(days=365)
    assert None not in meter.power_w
