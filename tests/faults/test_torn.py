"""Ends of files as after a power failure: what was committed stays."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.faults.torn import end_of_commits, tear_unfinished


def killed(folder: Path, rows: int, *, checkpointed: bool) -> Path:
    """A database as a killed process leaves it, with the last transaction spilled into the log and not committed."""
    running = folder / "running"
    running.mkdir()
    connection = sqlite3.connect(running / "some.sqlite", isolation_level=None)
    for statement in ("journal_mode = WAL", "synchronous = FULL", "cache_size = 5", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {statement}")
    connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, content BLOB)")
    for number in range(rows):
        if checkpointed and number == rows - 3:
            connection.execute("PRAGMA wal_checkpoint(FULL)")
        connection.execute("INSERT INTO row VALUES (?, randomblob(3000))", (number,))
    connection.execute("BEGIN")
    connection.execute("INSERT INTO row SELECT number + 1000, randomblob(9000) FROM row")
    shutil.copytree(running, folder / "killed")
    connection.close()
    return folder / "killed" / "some.sqlite"


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("by", [0.0, 0.5, 1.0])
def test_what_was_committed_outlives_a_torn_end(tmp_path: Path, by: float, checkpointed: bool) -> None:
    file = killed(tmp_path, 20, checkpointed=checkpointed)
    log = file.with_name("some.sqlite-wal")
    before = log.read_bytes()
    assert end_of_commits(before) < len(before)
    tear_unfinished(file.parent, by)
    assert log.read_bytes() != before
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [number for (number,) in connection.execute("SELECT number FROM row ORDER BY number")] == [*range(20)]
    connection.close()
