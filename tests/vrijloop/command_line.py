"""`vrijloop` as a person types it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from vrijloop.cli import app


def invoke(*arguments: str | Path, code: int = 0) -> str:
    """What it prints on standard output. Errors that a person would read as a sentence are raised."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return str(done.stdout)
