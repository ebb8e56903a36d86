"""A demo that is started again: the control room stays where it was, and an edited policy stays as it is."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from tests.servers import free_port
from vrijloop.demo.run import _control_room_port
from vrijloop.demo.workplace import Ports, Workplace, free_ports

POLICY, NEWER = 'factory = "hal"\n', 'factory = "hal"\nnotice = "1h"\n'


def workplace(folder: Path, port: int = 8341) -> Workplace:
    return Workplace(folder, Ports(1, 2, 3, port, 4), "hal", "gw-demo", "5")


def test_a_policy_that_somebody_edited_is_kept(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    assert not place.prepare("", POLICY, "60s")
    assert not place.prepare("", NEWER, "60s"), "nobody edited it: a newer demo writes its own"
    assert place.policy.read_text() == NEWER
    edited = NEWER + "offer = false\n"
    place.policy.write_text(edited)
    for text in (NEWER, POLICY, edited):
        assert place.prepare("", text, "60s")
        assert place.policy.read_text() == edited
    place.policy.unlink()
    assert not place.prepare("", POLICY, "60s")
    assert place.policy.read_text() == POLICY, "who deletes it gets the demo's"


@pytest.mark.parametrize("edited", [True, False])
def test_a_folder_of_an_earlier_version_has_no_copy_to_compare_with(tmp_path: Path, edited: bool) -> None:
    place = workplace(tmp_path)
    place.policy.write_text(POLICY + ("offer = false\n" if edited else ""))
    assert place.prepare("", POLICY, "60s") is edited
    assert ("offer" in place.policy.read_text()) is edited


def test_the_control_room_is_where_it_was(tmp_path: Path) -> None:
    port, said = free_port(), io.StringIO()
    workplace(tmp_path, port).prepare("", POLICY, "60s")
    console = Console(file=said, width=200)
    assert _control_room_port(tmp_path, 1, console) == port
    assert said.getvalue() == ""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        instead = _control_room_port(tmp_path, 1, console)
    assert instead != port
    assert said.getvalue() == (
        f"Port {port}, where the control room was last time, is in use; the control room is on port {instead} instead.\n"
    )


@pytest.mark.parametrize("content", [None, "port = 'no number'", "not toml"])
def test_the_control_room_of_a_new_demo_is_where_it_is_wished_for(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "server.toml").write_text(content)
    port = free_port()
    assert _control_room_port(tmp_path, port, Console(file=io.StringIO())) == port


def test_ports_are_given_once_and_to_no_outgoing_connection() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    found = free_ports(50) + free_ports(50)
    assert len(set(found)) == 100
    assert not [port for port in found if first <= port <= last]
