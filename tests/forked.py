"""Programs of Vrijloop, each in a process of its own that is forked from one which has loaded the libraries: to load them takes longer than all else that most tests ask of a program.

What is started is `python -m vrijloop …` as it is; only the loading has been done before. That programs load what they need, by themselves, is shown by the tests that start them from a shell
(the command line, the demo, installations).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests import servers
from vrijloop.demo.forks import Fork, load

ONE_PROCESS = pytest.mark.xdist_group("forked")
"""Of the suite, which then loads the libraries once for these tests."""


@cache
def load_once() -> None:
    load("tests.loaded")


def start(
    arguments: Sequence[str], log: Path, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Fork:
    """`arguments`: of `python -m`. The program has the environment of the test, and `environment` besides."""
    assert servers.allowed, "This test starts a program: mark it with `@pytest.mark.servers`."
    load_once()
    return Fork(arguments, log, folder=folder or Path.cwd(), environment={**os.environ, **(environment or {})})
