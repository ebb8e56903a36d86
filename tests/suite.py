"""How the suite runs: which tests need servers, in which order and in which groups they are handed to parallel workers, and the closing
lines that say which servers were real. Written down in docs/decisions/0019-suite-in-parallel.md."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import httpcore2
import pytest

from tests import chromium, servers

SERVER_FIXTURES = {"broker", "influx_url", "postgres", "browser", "platform", "rig", "served", "strangers", "province"}
"""The last five serve an application of ours on a socket."""
SERVER_PARAMETERS = {"postgresql", "influxdb"}
"""Values of a fixture's or test's parameter for which it asks for a server of that name."""


LONGEST = (
    "test_it_gets_ready_ends_cleanly_and_carries_on",
    "test_every_page_is_fit_for_everybody",
    "test_nothing_is_missing_and_nothing_doubled",
    "test_the_page_is_accessible",
    "test_what_the_machines_did_is_stored_and_nothing_is_booked_twice",
    "test_every_operation_keeps_to_the_description",
    "test_a_journey",
    "test_one_debian_server_runs_everything",
)
"""What takes half a minute and more, alone or with its group, is started before everything else; then what is marked `long`."""

_LONGEST_VALUE = 200

HARMLESS_PROGRAMS = {"fc-list", "lscpu"}
"""Matplotlib asks for the system's fonts when it draws for the first time on a machine, scikit-learn for the number of cores."""


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_refuse_hidden_processes)
    gc.disable()
    # Each client of HTTP reads the authorities of the whole world, which takes a tenth of a second, and few tests speak TLS.
    httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)


def _refuse_hidden_processes(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and not servers.allowed and Path(arguments[1][0]).name not in HARMLESS_PROGRAMS:
        raise AssertionError("This test starts a program: mark it with `@pytest.mark.servers`.")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file of ten megabytes as a parameter would make a name as long, which goes to every process and comes back with each report."""
    return f"{argname}-{len(val)}" if isinstance(val, str | bytes) and len(val) > _LONGEST_VALUE else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` selects, and before xdist reads the groups."""
    for item in items:
        if isinstance(item, pytest.Function):
            _mark(item)
    _put_in_order(items)


def _put_in_order(items: list[pytest.Item]) -> None:
    """The longest first, then those that share a browser, so that it stays open, then the others mixed, in the same way each time: if what waits for time stood together, as it
    does in its folders, the cores would idle while it waits. Groups stay together."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_unit_of(item), []).append(item)

    def place(unit: str) -> tuple[int, int]:
        rank = min(map(_rank, groups[unit]))
        shares_browser = any("browser" in _fixtures_of(item) for item in groups[unit])
        return rank, 0 if shares_browser else crc32(unit.encode())

    items[:] = [item for unit in sorted(groups, key=place) for item in groups[unit]]


def _unit_of(item: pytest.Item) -> str:
    """What is handed to a worker as one: its group, or the test alone."""
    marker = item.get_closest_marker("xdist_group")
    return str(marker.args[0]) if marker is not None else item.nodeid


def _rank(item: pytest.Item) -> int:
    name = item.name.partition("[")[0]
    if name in LONGEST:
        return LONGEST.index(name)
    return len(LONGEST) + (item.get_closest_marker("long") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    _keep_what_was_collected()
    _refuse_torn_groups(session)
    _refuse_names_that_change(session)


def _keep_what_was_collected() -> None:
    """Modules and tests stay until the end. To look through half a million of their objects again and again for garbage took an eighth of the
    tests' CPU time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    gc.enable()


def _look_for_garbage_once() -> None:
    """Pytest looks ten times more, through a heap in which a look takes a second: what is left by then is out of its sight. At the very end it is let go, as
    libraries complain about what is not."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)


def _refuse_torn_groups(session: pytest.Session) -> None:
    """In a worker: xdist hands tests out by what stands behind the @ of their names. Without it, it would tear groups apart and say nothing."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    torn = [one.nodeid for one in session.items if one.get_closest_marker("xdist_group") and "@" not in one.nodeid]
    if torn:
        raise pytest.UsageError(f"pytest-xdist does not keep groups of tests together here, for example {torn[0]}.")


def _refuse_names_that_change(session: pytest.Session) -> None:
    """An address in a test's name is another one in each worker, and xdist then runs nothing at all."""
    changing = [one.nodeid for one in session.items if " at 0x" in one.nodeid]
    if changing:
        raise pytest.UsageError(f"{changing[0]}: give this parameter an id that is the same in every run.")


def _mark(item: pytest.Function) -> None:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    named = {one for one in parameters if isinstance(one, str)}
    if SERVER_FIXTURES & set(item.fixturenames) or SERVER_PARAMETERS & named:
        item.add_marker(pytest.mark.servers)
    # xdist joins the names of several groups to that of another one.
    if item.get_closest_marker("xdist_group") is None and (group := _group_of(item)):
        item.add_marker(pytest.mark.xdist_group(group))


def _fixtures_of(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


def _group_of(item: pytest.Function) -> str:
    """Tests with the same fixtures that are made once per module or package, with the same parameters, go to the same worker."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    found = {
        f"{name}-{parameters[name]}" if name in parameters else name: definitions[-1].scope
        for name, definitions in sorted(item._fixtureinfo.name2fixturedefs.items())
        if definitions and definitions[-1].scope in ("module", "package", "class")
    }
    whole_package = "package" in found.values()
    return "-".join((item.path.parent.name if whole_package else item.path.stem, *found)) if found else ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if "browser" not in _fixtures_of(item):
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    servers.allowed = item.get_closest_marker("servers") is not None
    try:
        return (yield)
    finally:
        servers.allowed = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what it used."""
    chromium.close()
    _look_for_garbage_once()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["servers"] = servers.used


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    servers.used.update(getattr(node, "workeroutput", {}).get("servers", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What of the servers was real in this run."""
    real = ", ".join(f"{name} {version}" for name, version in sorted(servers.used.items()))
    terminalreporter.write_line(f"real: {real or 'no server was needed'}")
    missing = sorted(set(servers.PROGRAMS.values()) - set(servers.used))
    if missing:
        terminalreporter.write_line(f"not used in this run: {', '.join(missing)}")
