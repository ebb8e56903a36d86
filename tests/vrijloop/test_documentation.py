"""The documentation against the code: its commands run, its samples are valid and complete, its links lead to pages."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest

from analytics.policy.policy import Blackout, OfferedHours, Policy
from analytics.policy.shifts import Shift
from edge_agent.configuration import AgentSettings
from sharing_platform.bounds import Bounds
from sharing_platform.identity_providers import ProvidersFile
from telemetry import load_settings
from telemetry.settings_file import _fields, _table_in
from tests.servers import free_port, listens, require, wait_for
from tests.vrijloop.command_line import invoke
from vrijloop.ingest_worker import WorkerSettings
from vrijloop.server_settings import ServerSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SAMPLES = {
    "agent.sample.toml": AgentSettings,
    "server.sample.toml": ServerSettings,
    "policy.sample.toml": Policy,
    "ingest.sample.toml": WorkerSettings,
    "bounds.sample.toml": Bounds,
    "identity_providers.sample.toml": ProvidersFile,
}
WRITTEN_AS_TEXT = (OfferedHours, Blackout, Shift)
PORTS = ("1883", "4840", "5020", "8340", "8341")


def console_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


# The Dutch pages have the same commands as the English ones, which another test checks.
WITH_COMMANDS = [page for page in PAGES if console_lines(page) and not page.name.endswith(".nl.md")]


def runs_on_another_page(page: Path) -> bool:
    """Another page has all its commands, and more."""
    return any(set(console_lines(page)) < set(console_lines(other)) for other in WITH_COMMANDS)


RUN = [page for page in WITH_COMMANDS if not runs_on_another_page(page)]


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands in order, in an empty folder, on free ports. A command that ends in `&` runs in the
    background until the end of the page. Commands of ours that end by themselves run in the test's process, where nothing has to be loaded for them."""
    monkeypatch.chdir(tmp_path)
    if "mosquitto" in page.read_text():
        require("mosquitto")
    free = {port: str(free_port()) for port in PORTS}
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}:/usr/sbin"
    environment = os.environ | {"PATH": path, "COLUMNS": "200"}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for line in console_lines(page):
            command = re.sub(r"\b(?:" + "|".join(PORTS) + r")\b", lambda match: free[match.group()], line)
            if command.endswith("&"):
                running.append(
                    subprocess.Popen(
                        command.removesuffix("&"), shell=True, cwd=tmp_path, env=environment, start_new_session=True
                    )
                )
                ports = [int(port) for port in free.values() if port in command]
                wait_for(lambda ports=ports: all(map(listens, ports)), f"{command} to listen")  # type: ignore[misc]
            elif re.fullmatch(r"vrijloop [^&|;<>$`]+", command):
                invoke(*shlex.split(command)[1:])
            else:
                done = subprocess.run(
                    command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
                )
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert all(one.poll() is None for one in running)
    finally:
        for one in reversed(running):
            os.killpg(one.pid, signal.SIGTERM)
            one.wait(30)


@pytest.mark.parametrize(("name", "model"), SAMPLES.items())
def test_samples_are_valid_as_they_are_and_with_every_option_set(name: str, model: type, tmp_path: Path) -> None:
    text = (ROOT / "docs" / name).read_text()
    load_settings(ROOT / "docs" / name, model)
    everything = tmp_path / name
    everything.write_text(re.sub(r"^# ((?:[a-z_]+ = |\[).*)", r"\1", text, flags=re.MULTILINE))
    load_settings(everything, model)


@pytest.mark.parametrize(("name", "model"), SAMPLES.items())
def test_samples_list_every_option(name: str, model: type) -> None:
    text = (ROOT / "docs" / name).read_text()
    options = set(re.findall(r"^\s*(?:# )?([a-z_]+) = ", text, re.MULTILINE)) | set(re.findall(r"\[+([a-z_.]+)", text))
    known = {part for option in options for part in option.split(".")} | {"mqtt"}
    shared = (
        {
            "protocol",
            "username",
            "password_file",
            "credentials_file",
            "ca_file",
            "keepalive_s",
            "client_certificate",
            "client_key",
        }
        if name != "agent.sample.toml"
        else set()
    )
    missing = _option_names(model) - known - shared - set(re.findall(r"([a-z_]+) = ", text))
    assert missing == set()


def _option_names(model: type) -> set[str]:
    names: set[str] = set()
    for name, annotation in _fields(model).items():
        names.add(name)
        inner = _table_in(annotation)
        if inner is not None and inner not in WRITTEN_AS_TEXT:
            names |= _option_names(inner)
    return names


@pytest.mark.parametrize("name", ["technician", "manager", "planner"])
def test_the_dutch_page_has_the_same_sections_and_commands(name: str) -> None:
    english, dutch = (ROOT / "docs" / f"{name}{ending}" for ending in (".md", ".nl.md"))
    assert console_lines(english) == console_lines(dutch)
    for pattern in (r"^#+ ", r"^!\[", r"^- \*\*", r"^\| "):
        assert len(re.findall(pattern, english.read_text(), re.MULTILINE)) == len(
            re.findall(pattern, dutch.read_text(), re.MULTILINE)
        ), pattern
    assert f"]({dutch.name})" in english.read_text()


@pytest.mark.parametrize("name", ["technician", "manager", "planner", "administrator", "developer"])
def test_pages_for_users_have_a_picture(name: str) -> None:
    pictures = re.findall(r"!\[[^\]]{8,}\]\((pictures/[^)]+)\)", (ROOT / "docs" / f"{name}.md").read_text())
    assert pictures
    drawn = (ROOT / "docs" / "take_pictures.py").read_text()
    for picture in pictures:
        stem = Path(picture).stem
        assert stem in drawn or re.sub(r"-(nl|en)$", "-{language}", stem) in drawn, f"{picture} is made by no script"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_existing_pages(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_first_screen_has_purpose_picture_and_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:24])
    for part in ("finds the hours", "docs/pictures/page.png", "make demo", "make test"):
        assert part in first_screen


def test_every_room_has_a_page() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert {page.stem for page in (ROOT / "docs" / "rooms").iterdir()} == set(listed)
