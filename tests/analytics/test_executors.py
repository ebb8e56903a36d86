"""The same slots, bit for bit, in one process, in two worker processes, and on a Dask cluster of two workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from analytics.executors import DaskExecutor, Executor, InlineExecutor, ProcessExecutor, map_in_order
from analytics.forecast.spare_capacity import SpareCapacity, find_spare_capacity
from analytics.history import snapshot
from telemetry import UnavailableError
from tests.analytics.forecast.test_forecast import POLICY, START, factory
from tests.servers import free_port, listens, wait_for

LATE = START + timedelta(weeks=4, hours=3)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of its scheduler."""
    port = free_port()
    folder = tmp_path_factory.mktemp("dask")
    address = f"tcp://127.0.0.1:{port}"
    worker = ["dask_worker", "--no-dashboard", "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", address]
    programs = {
        "scheduler": ["dask_scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port", str(port)],
        "worker-1": worker,
        "worker-2": worker,
    }
    running = []
    for name, (module, *options) in programs.items():
        with (folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *options]
            running.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
        wait_for(lambda: listens(port), "the scheduler to listen")
    yield address
    for one in reversed(running):
        one.terminate()
        one.wait(30)


@pytest.fixture(params=["processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "processes":
        with closing(ProcessExecutor(2)) as opened:
            yield opened
        return
    with closing(DaskExecutor(request.getfixturevalue("scheduler"))) as cluster:
        wait_for(lambda: cluster.thread_count() == 2, "both workers to join")
        yield cluster


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return factory(21, 5, 0.1, machines=3)


@pytest.fixture(scope="module")
def alone(history: pd.DataFrame) -> SpareCapacity:
    """Without an executor, and with all machines read at once."""
    found = find_spare_capacity(history, LATE, POLICY, {})
    assert found.fitted is not None
    assert found.slots
    return found


@pytest.mark.long
@pytest.mark.servers
def test_executors_give_identical_slots(
    executor: Executor, history: pd.DataFrame, alone: SpareCapacity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "PORTION", 2)
    assert find_spare_capacity(history, LATE, POLICY, {}, executor=executor).slots == alone.slots


@pytest.mark.long
def test_machines_read_in_portions_give_identical_slots(
    history: pd.DataFrame, alone: SpareCapacity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "PORTION", 2)
    assert find_spare_capacity(history, LATE, POLICY, {}, executor=InlineExecutor()).slots == alone.slots


def test_results_are_in_order_and_tasks_are_consumed_lazily() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[tuple[int]]:
        for number in range(10):
            taken.append(number)
            yield (number,)

    found = map_in_order(InlineExecutor(), abs, pieces())
    assert next(found) == 0
    assert len(taken) <= 3, "a thousand machines are not read before the first has been looked at"
    assert list(found) == list(range(1, 10))


def test_a_scheduler_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.executors._CONNECT_TIMEOUT_S", 1.0)
    port = free_port()
    with pytest.raises(UnavailableError, match=f"Dask scheduler tcp://127.0.0.1:{port}: no connection"):
        DaskExecutor(f"tcp://127.0.0.1:{port}")
