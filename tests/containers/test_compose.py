"""docker-compose.yml as an administrator uses it: set up, upgraded, extended, killed, lost and restored. Each test goes on where the one before ended."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.containers.engine import progress
from tests.containers.installation import NAME, PROJECT, Installation
from tests.servers import ROOT, wait_for
from vrijloop.deployment.setup import OWN_UID

pytestmark = [pytest.mark.servers, pytest.mark.timeout(3600)]
DAY = timedelta(days=1)


def test_the_version_before_starts(installation: Installation, before: Path) -> None:
    installation.use_files_of(before)
    installation.docker.run("tag", "vrijloop:before", "vrijloop:0.1.0")
    progress("set up")
    said = installation.set_up("gw-1")
    assert "gateways/gw-1/agent.toml" in said
    # A second factory, as the region's administrator lists one, so that there is somebody to book from.
    tokens = installation.deployed / "secrets" / "platform-tokens.json"
    tokens.write_text(tokens.read_text().replace("}", ', "hasselt": "a-token-of-hasselt-for-these-tests"}'))
    progress("up, the version before")
    installation.up()
    installation.wait_for_more("simulator")


def test_hours_are_booked_through_the_proxy(installation: Installation) -> None:
    start = (datetime.now(UTC) + 3 * DAY).replace(minute=0, second=0, microsecond=0)
    offer = {
        "factory": "hasselt", "machine": "mill-1", "start": start.isoformat(), "end": (start + timedelta(hours=8)).isoformat(),
        "probability": 0.95, "checked": 40, "broken": 1,
    }  # fmt: skip
    installation.platform("PUT", "/offers/hasselt-1", "hasselt", json=offer)
    booking = installation.platform("POST", "/offers/hasselt-1/booking", "genk")
    assert booking["state"] == "accepted"
    assert [one["id"] for one in bookings(installation)] == [booking["id"]]


def test_the_new_version_takes_over(installation: Installation) -> None:
    held, stored = bookings(installation), installation.stored()["simulator"]
    installation.use_files_of(ROOT)
    installation.docker.run("tag", "vrijloop:now", "vrijloop:0.1.0")
    # Written once and kept: what the new version writes differently is made anew on demand.
    (installation.deployed / "nginx.conf").unlink()
    installation.set_up("gw-1")
    progress("up, the new version")
    installation.up()
    installation.compose("restart", "proxy")
    installation.wait_until_healthy()
    assert bookings(installation) == held
    assert installation.stored()["simulator"] >= stored
    installation.wait_for_more("simulator")
    assert_nothing_missing(installation)


def test_people_find_pages_at_the_three_names(installation: Installation) -> None:
    assert "Vrijloop" in installation.ask(NAME, "GET", "/").text
    assert installation.ask(f"control.{NAME}", "GET", "/control").is_success
    assert installation.ask(f"grafana.{NAME}", "GET", "/api/health").is_success
    headers = installation.ask(NAME, "GET", "/").headers
    assert len(headers.get_list("strict-transport-security")) == 1
    link = installation.compose("exec", "-T", "platform", "vrijloop", "platform-admin", "an@region.example")
    (path,) = re.findall(rf"https://{re.escape(NAME)}(/\S+)", link)
    # The page for choosing a password keeps the secret out of its address.
    assert installation.ask(NAME, "GET", path).headers["location"] == "/welcome"


@pytest.mark.parametrize("service", ["platform", "analytics"])
def test_the_doctor_finds_nothing_wrong(installation: Installation, service: str) -> None:
    options = ["-c", "/etc/vrijloop/server.toml"] if service == "analytics" else []
    said = installation.compose("exec", "-T", service, "vrijloop", "doctor", *options, check=False)
    assert "Traceback" not in said
    assert "✗" not in said, said


def test_a_second_gateway_is_added(installation: Installation) -> None:
    """As its technician does: with the folder that the set-up has written, in the agent's own image."""
    said = installation.compose("run", "--rm", "-T", "manage", "gateway", "add", "gw-2")
    (step,) = (line for line in said.splitlines() if line.startswith("- docker compose"))
    installation.shell(step.removeprefix("- "))
    folder = installation.deployed / "gateways" / "gw-2"
    toml = (
        (folder / "agent.toml")
        .read_text()
        .replace(f"mqtts://{NAME}", "mqtts://mosquitto")
        .replace("/var/lib/vrijloop-agent", "/data")
    )
    machines = (installation.deployed / "simulator.toml").read_text()
    modbus = re.findall(r"^\[\[modbus\]\].*?(?=^\[\[|\Z)", machines, re.MULTILINE | re.DOTALL)
    (folder / "agent.toml").write_text(
        toml + re.sub(r'^id = "', 'id = "second-', "\n".join(modbus), flags=re.MULTILINE)
    )
    for path in folder.iterdir():
        shutil.chown(path, OWN_UID, OWN_UID)
    progress("second gateway")
    installation.docker.run(
        "run", "--detach", "--name", f"{PROJECT}-gw-2", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--network", f"container:{installation.container('simulator')}", "--volume", f"{folder}:/etc/vrijloop:ro", "vrijloop-agent",
    )  # fmt: skip
    try:
        installation.wait_for_more("gw-2")
    finally:
        said = installation.docker.run("logs", "--tail", "20", f"{PROJECT}-gw-2", check=False)
        installation.docker.run("rm", "--force", "--volumes", f"{PROJECT}-gw-2")
        print(said)


def test_every_container_comes_back_and_nothing_is_lost(installation: Installation) -> None:
    held = bookings(installation)
    for name in installation.running:
        progress(f"killing {name}")
        installation.kill(name)
        if name == "simulator":  # its network has gone with it, as a plant's would with its switch
            installation.compose("restart", "simulated-gateway")
        installation.wait_until_healthy()
        installation.wait_for_more("simulator")
    assert bookings(installation) == held
    assert_nothing_missing(installation)
    assert installation.ask(f"grafana.{NAME}", "GET", "/api/health").is_success


def test_backups_bring_everything_back(installation: Installation, tmp_path: Path) -> None:
    """As docs/compose.md says, after all volumes are lost."""
    progress("backup")
    held, stored = bookings(installation), installation.stored()["simulator"]
    run_documented(installation, "backup")
    installation.down("--volumes")
    progress("restore")
    run_documented(installation, "restore")
    installation.wait_until_healthy()
    assert bookings(installation) == held
    assert installation.stored()["simulator"] >= stored
    installation.wait_for_more("simulator")
    assert_nothing_missing(installation)


def bookings(installation: Installation) -> list[dict[str, object]]:
    found = installation.platform("GET", "/bookings?side=seeker", "genk")["bookings"]
    return [{name: one[name] for name in ("id", "state", "start", "end")} for one in found]


def assert_nothing_missing(installation: Installation) -> None:
    wait_for(lambda: installation.status()["missing"] == 0, "all reports to be stored", 120)


def run_documented(installation: Installation, name: str) -> None:
    """The commands between the markers of this name in docs/compose.md."""
    text = (ROOT / "docs" / "compose.md").read_text()
    (block,) = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        installation.shell(line)
