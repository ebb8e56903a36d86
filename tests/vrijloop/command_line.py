"""Runs `vrijloop` commands in the test's process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from vrijloop.cli import app


def invoke(*arguments: str | Path, code: int = 0) -> str:
    """Run a command and return its standard output. Errors that would be printed as a sentence are raised."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return str(done.stdout)
