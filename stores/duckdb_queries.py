"""SQL of the embedded store: its tables, and queries that combine recent reports with merged intervals."""

from __future__ import annotations

from stores.report_batch import MODES, STATES

INTERVAL_TABLE = "state_interval"
RECENT_TABLE = "recent_report"
NEWEST_TABLE = "newest_interval"
LEDGER_TABLE = "gateway_ledger"
COUNTER_TABLE = "written_batch"
"""The number of the last batch, for when no recent report has it: a cursor must never decrease."""

_COLUMNS = """factory VARCHAR NOT NULL, machine VARCHAR NOT NULL, since TIMESTAMP NOT NULL, until TIMESTAMP NOT NULL,
    state machine_state NOT NULL, mode operation_mode, power_w DOUBLE, reason VARCHAR, gateway VARCHAR NOT NULL,
    seq BIGINT NOT NULL, written BIGINT NOT NULL"""


def _enum(name: str, values: list[str]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"CREATE TYPE IF NOT EXISTS {name} AS ENUM ({listed})"


SCHEMA = [
    _enum("machine_state", [value.value for value in STATES]),
    _enum("operation_mode", [value.value for value in MODES]),
    f"CREATE TABLE IF NOT EXISTS {INTERVAL_TABLE} ({_COLUMNS})",
    f"CREATE TABLE IF NOT EXISTS {RECENT_TABLE} ({_COLUMNS})",
    f"CREATE TABLE IF NOT EXISTS {NEWEST_TABLE} ({_COLUMNS})",
    f"""CREATE TABLE IF NOT EXISTS {LEDGER_TABLE} (factory VARCHAR NOT NULL, gateway VARCHAR NOT NULL,
    ranges VARCHAR NOT NULL, given_up BIGINT NOT NULL, repeated BIGINT NOT NULL, written BIGINT NOT NULL)""",
    f"CREATE TABLE IF NOT EXISTS {COUNTER_TABLE} (written BIGINT NOT NULL)",
    f"INSERT INTO {COUNTER_TABLE} SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM {COUNTER_TABLE})",
]

_BEST = "QUALIFY row_number() OVER (PARTITION BY factory, machine, since ORDER BY until DESC, seq DESC) = 1"
_KEY = "(factory, machine, since)"
_READ = "machine, since, until, state, mode"
_ORDER = "ORDER BY machine, since"
_EVERY = f"(SELECT * FROM {INTERVAL_TABLE} UNION ALL SELECT * FROM {RECENT_TABLE})"

PUT_LEDGER = f"INSERT INTO {LEDGER_TABLE} SELECT * FROM ledger"
_NEWEST_LEDGER = "QUALIFY row_number() OVER (PARTITION BY factory, gateway ORDER BY written DESC) = 1"
LEDGER = f"SELECT factory, gateway, ranges, given_up, repeated FROM {LEDGER_TABLE} {_NEWEST_LEDGER}"

COUNTS = f"""
SELECT count(*), greatest(coalesce(max(written), 0), (SELECT max(written) FROM {COUNTER_TABLE})) FROM {RECENT_TABLE}
"""

KEEP_COUNT = f"UPDATE {COUNTER_TABLE} SET written = $written"

NEWEST = f"""
SELECT factory, machine, epoch_ms(since), epoch_ms(until), seq, state, mode, power_w, reason
FROM (SELECT * FROM {NEWEST_TABLE} UNION ALL SELECT * FROM {RECENT_TABLE})
QUALIFY row_number() OVER (PARTITION BY factory, machine ORDER BY since DESC, until DESC, seq DESC) = 1
"""

COMPACT = [
    # The recent reports, with the merged intervals that they repeat or extend: one row per key.
    f"""
    CREATE OR REPLACE TEMP TABLE merged AS
    WITH fresh AS MATERIALIZED (SELECT * FROM {RECENT_TABLE} {_BEST})
    SELECT * FROM (
        SELECT * FROM fresh
        UNION ALL
        SELECT * FROM {INTERVAL_TABLE} held SEMI JOIN fresh USING {_KEY}
    ) {_BEST}
    """,
    f"""
    DELETE FROM {INTERVAL_TABLE} USING merged
    WHERE {INTERVAL_TABLE}.factory = merged.factory AND {INTERVAL_TABLE}.machine = merged.machine
        AND {INTERVAL_TABLE}.since = merged.since
    """,
    f"INSERT INTO {INTERVAL_TABLE} SELECT * FROM merged ORDER BY machine, since",
    f"""
    CREATE OR REPLACE TEMP TABLE newest AS
    SELECT * FROM (SELECT * FROM {NEWEST_TABLE} UNION ALL SELECT * FROM merged)
    QUALIFY row_number() OVER (PARTITION BY factory, machine ORDER BY since DESC, until DESC, seq DESC) = 1
    """,
    f"DELETE FROM {NEWEST_TABLE}",
    f"INSERT INTO {NEWEST_TABLE} SELECT * FROM newest",
    f"DELETE FROM {RECENT_TABLE}",
    f"CREATE OR REPLACE TEMP TABLE ledger_entry AS SELECT * FROM {LEDGER_TABLE} {_NEWEST_LEDGER}",
    f"DELETE FROM {LEDGER_TABLE}",
    f"INSERT INTO {LEDGER_TABLE} SELECT * FROM ledger_entry",
    "DROP TABLE ledger_entry",
    "DROP TABLE newest",
    "DROP TABLE merged",
]

DELETE_BEFORE = f"""
DELETE FROM {INTERVAL_TABLE} WHERE until < $moment
    AND (factory, machine, since) NOT IN (SELECT (factory, machine, since) FROM {NEWEST_TABLE})
"""

CHANGED = f"""
WITH changed AS MATERIALIZED (
    SELECT DISTINCT factory, machine, since FROM {_EVERY} WHERE factory = $factory AND written > $written)
SELECT {_READ} FROM (SELECT * FROM {_EVERY} every SEMI JOIN changed USING {_KEY} {_BEST}) {_ORDER}
"""

RECORDS = f"""
SELECT factory, {_READ}, power_w, reason, gateway, seq FROM {_EVERY}
WHERE factory = $factory AND since >= $start AND since < $end AND machine IN (SELECT unnest($machines::VARCHAR[]))
{_BEST} {_ORDER}
"""

EARLIEST = f"SELECT min(since) AS since FROM {_EVERY} WHERE factory = $factory"

NEWEST_BEFORE = f"""
SELECT machine, max(since) AS since FROM {_EVERY}
WHERE factory = $factory AND since >= $first AND since < $start AND machine IN (SELECT unnest($machines::VARCHAR[]))
GROUP BY machine
"""


def intervals(with_recent: bool, with_power: bool) -> str:
    """Query for the intervals of some machines that touch [$start, $end), with the place of the machine in $machines instead of its name:
    a string for each of a million rows would take most of the time.

    Only recent keys are sorted for duplicates; most rows are merged ones.
    """
    condition = "factory = $factory AND since < $end AND until >= $start"
    wanted = "wanted AS (SELECT unnest($machines::VARCHAR[]) AS machine, generate_subscripts($machines::VARCHAR[], 1) - 1 AS number)"
    power, order = ", power_w" if with_power else "", "ORDER BY number, since"
    read = f"SELECT number::INTEGER AS number, since, until, state, mode{power}"
    if not with_recent:
        return f"WITH {wanted} {read} FROM {INTERVAL_TABLE} JOIN wanted USING (machine) WHERE {condition} {order}"
    return f"""
    WITH {wanted},
    fresh AS MATERIALIZED (SELECT * FROM {RECENT_TABLE} JOIN wanted USING (machine) WHERE {condition} {_BEST}),
    held AS (SELECT * FROM {INTERVAL_TABLE} JOIN wanted USING (machine) WHERE {condition})
    {read} FROM (
        SELECT * FROM held ANTI JOIN fresh USING {_KEY}
        UNION ALL
        SELECT * FROM (SELECT * FROM fresh UNION ALL SELECT * FROM held SEMI JOIN fresh USING {_KEY}) {_BEST}
    ) {order}
    """
