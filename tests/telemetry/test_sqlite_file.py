"""A small SQLite file in which one process keeps its state."""

from __future__ import annotations

from pathlib import Path

from telemetry.sqlite_file import open_sqlite_file


def test_what_was_committed_outlives_a_power_failure(tmp_path: Path) -> None:
    """Also with a build of SQLite whose own setting for this is another: it has flushed to the disk before a commit returns (FULL, 2)."""
    connection = open_sqlite_file(tmp_path / "state.sqlite", "CREATE TABLE one (number)", "the state")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()
