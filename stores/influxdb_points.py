"""Points for dashboards, in the same bucket as the states."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from stores.influxdb_answers import PointsTooOldError
from stores.influxdb_connection import InfluxConnection, and_machine_in, escaped, quoted
from stores.points import Point
from stores.report_batch import from_milliseconds, to_epoch_milliseconds

_LINES_PER_REQUEST = 10_000


class InfluxPoints:
    """A `PointStore` in an InfluxDB bucket."""

    def __init__(self, url: str, bucket: str, token: str, org: str) -> None:
        self._connection = InfluxConnection(url, bucket, token, org)

    def write_points(self, points: Sequence[Point]) -> None:
        for first in range(0, len(points), _LINES_PER_REQUEST):
            # A day may begin before what the bucket keeps of it; then the others of the request are written.
            with suppress(PointsTooOldError):
                self._connection.write([_line(point) for point in points[first : first + _LINES_PER_REQUEST]])

    def point_times(
        self, measurement: str, factory: str, machines: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, list[datetime]]:
        if not machines:
            return {}
        found = self._connection.ask(
            f"SELECT * FROM {measurement} WHERE factory = {quoted(factory)} {and_machine_in(machines)} "
            f"AND time >= {to_epoch_milliseconds(start)}ms AND time < {to_epoch_milliseconds(end)}ms GROUP BY machine"
        )
        return {series.tags["machine"]: [from_milliseconds(values[0]) for values in series.values] for series in found}

    def sums(
        self, measurement: str, factory: str, fields: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, dict[str, float]]:
        chosen = ", ".join(f"sum({name})" for name in fields)
        found = self._connection.ask(
            f"SELECT {chosen} FROM {measurement} WHERE factory = {quoted(factory)} "
            f"AND time >= {to_epoch_milliseconds(start)}ms AND time < {to_epoch_milliseconds(end)}ms GROUP BY machine"
        )
        return {
            series.tags["machine"]: {
                name: float(value or 0.0) for name, value in zip(fields, series.values[0][1:], strict=True)
            }
            for series in found
        }

    def forget(self, measurements: Sequence[str], factory: str) -> None:
        self._connection.change([f"DELETE FROM {name} WHERE factory = {quoted(factory)}" for name in measurements])

    def move(self, measurement: str, factory: str, machine: str, group: str) -> None:
        where = f'factory = {quoted(factory)} AND machine = {quoted(machine)} AND "group" != {quoted(group)}'
        keys = self._connection.ask(f"SHOW FIELD KEYS FROM {measurement}")
        names = [str(values[0]) for series in keys for values in series.values]
        if not names:
            return
        # Delete first: if the server does not support it, nothing has been written yet.
        self._connection.change([f"DELETE FROM {measurement} WHERE factory = {quoted(factory)} AND machine = ''"])
        tags = {"factory": factory, "group": group, "machine": machine}
        found = self._connection.ask(f'SELECT {", ".join(names)} FROM {measurement} WHERE {where} GROUP BY "group"')
        for series in found:
            rows = [
                Point(
                    measurement, tags, from_milliseconds(values[0]),
                    {name: float(value) for name, value in zip(names, values[1:], strict=True) if value is not None},
                )
                for values in series.values
            ]  # fmt: skip
            self.write_points(rows)
            self._connection.change([f"DELETE FROM {measurement} WHERE {where}"])

    def close(self) -> None:
        self._connection.close()


def _line(point: Point) -> str:
    tags = "".join(f",{name}={_tag(value)}" for name, value in point.tags.items())
    fields = ",".join(f"{name}={_value(value)}" for name, value in point.fields.items())
    return f"{point.measurement}{tags} {fields} {to_epoch_milliseconds(point.time)}"


def _tag(text: str) -> str:
    return text.replace("\\", "\\\\").replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")


def _value(value: float | str) -> str:
    if isinstance(value, str):
        return f'"{escaped(value)}"'
    # A field keeps the type of its first value; an int is a count and is written as an integer.
    return f"{value}i" if isinstance(value, int) else repr(float(value))
