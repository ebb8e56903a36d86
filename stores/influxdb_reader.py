"""Reads the measurement `machine_state`: of each row only the fields that are looked at, since each costs the server as much again as DuckDB needs for
a whole row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stores.influxdb_answers import Series, StateRow
from stores.influxdb_connection import InfluxConnection, portions, quoted
from stores.influxdb_rows import Columns, is_hidden
from telemetry.measurements import STATE

# In the order of `StateRow`, after the time.
PLAIN = ("until_ms", "state", "mode")
NUMBERED = (*PLAIN, "seq")
MEASURED = (*NUMBERED, "power_w")
REASONED = (*MEASURED, "reason")
COMPLETE = (*REASONED, "gateway")

_NEWEST_LIMITS = (2, 100, 5_000)
"""Rows asked for to find the newest that is whole: at first one that is being written may hide it, then a batch of them."""


class StateReader:
    """Reads what all workers have written."""

    def __init__(self, connection: InfluxConnection) -> None:
        self._connection = connection

    def machines(self, factory: str, when: str) -> list[str]:
        """The machines that have points at such times."""
        found = self._connection.ask(
            f"SHOW TAG VALUES FROM {STATE} WITH KEY = machine WHERE factory = {quoted(factory)} AND {when}"
        )
        return sorted({str(values[1]) for series in found for values in series.values})

    def columns(self, factory: str, wanted: Mapping[str, Sequence[str]], fields: Sequence[str]) -> Columns:
        """The rows of machines, at the times that are `wanted` of each, in their order.

        Without sequence numbers among the fields, those of a machine are read only where it takes them to tell which of two rows is the newer.
        """
        found = Columns(fields)
        for machine, rows in self._rows(factory, wanted, fields):
            found.add(machine, rows)
        if "seq" not in fields:
            undecided = {machine: wanted[machine] for machine in found.take_undecided()}
            for machine, rows in self._rows(factory, undecided, NUMBERED):
                found.add(machine, rows)
        return found

    def newest(self, where: str, fields: Sequence[str]) -> list[Series[StateRow]]:
        """The newest rows of each machine and worker, of which one is whole, if there is any."""
        found: list[Series[StateRow]] = []
        for limit in _NEWEST_LIMITS:
            found = self._connection.states(
                f"SELECT {', '.join(fields)} FROM {STATE} WHERE {where} GROUP BY machine, worker ORDER BY time DESC LIMIT {limit}"
            )
            if not any(is_hidden(series, limit) for series in found):
                break
        return found

    def _rows(
        self, factory: str, wanted: Mapping[str, Sequence[str]], fields: Sequence[str]
    ) -> Iterator[tuple[str, list[StateRow]]]:
        """Machines, and some of their rows.

        Statements for each machine, without GROUP BY: one for all lets the server compare the tags of every row with those of the other series.
        """
        asked = [(machine, when) for machine, times in wanted.items() for when in times]
        for some in portions(asked):
            statements = [
                f"SELECT {', '.join(fields)} FROM {STATE} WHERE factory = {quoted(factory)} AND machine = {quoted(machine)} AND {when}"
                for machine, when in some
            ]
            for place, rows in self._connection.stream(statements, texts="reason" in fields):
                yield some[place][0], rows
