"""What is in our images, and for which processors they can be built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.engine import Docker, progress
from tests.containers.images import PYTHON
from tests.servers import ROOT

pytestmark = pytest.mark.servers
AIMS_MB = {"vrijloop:now": 450, "vrijloop-agent": 80}


@pytest.mark.parametrize("image", AIMS_MB)
def test_an_image_is_no_larger_than_it_has_to_be(client: Docker, own_images: None, image: str) -> None:
    above = client.size_mb(image) - client.size_mb(PYTHON)
    progress(f"{image}: {above:.0f} MB above its base")
    assert above <= AIMS_MB[image]


@pytest.mark.parametrize(
    ("image", "command"), [("vrijloop:now", ["doctor", "--help"]), ("vrijloop-agent", ["agent", "templates", "--json"])]
)
def test_an_image_starts_as_nobody_on_a_read_only_file_system(
    client: Docker, own_images: None, image: str, command: list[str]
) -> None:
    client.run(
        "run",
        "--rm",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--network",
        "none",
        image,
        *command,
    )
    found = client.run(
        "run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", "import os; print(os.getuid())"
    )
    assert found.strip() == "10001"
    inside = client.run(
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "sh",
        image,
        "-c",
        "ls -R /opt/vrijloop; command -v pip || true",
    )
    for unwanted in ("pip", "/tests:", "locks"):
        assert unwanted not in [line.rpartition("/")[2] for line in inside.splitlines()]


def test_the_servers_image_reads_the_pictures_that_are_taken_and_no_others(client: Docker, own_images: None) -> None:
    command = "from PIL import Image, features; print(*(features.check(one) for one in ('jpg', 'zlib', 'webp', 'avif'))); Image.new('RGB', (1, 1)).save('/dev/null', 'WEBP')"
    said = client.run("run", "--rm", "--network", "none", "--entrypoint", "python", "vrijloop:now", "-c", command)
    assert said.split() == ["True", "True", "True", "False"]


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_for_the_processor(processor: str, tmp_path: Path) -> None:
    """As pip's index has them; nothing is downloaded but what describes the packages."""
    report = tmp_path / "report.json"
    platforms = [f"manylinux_2_{minor}_{processor}" for minor in (36, 28, 27, 24, 17, 12, 5)] + [
        f"manylinux2014_{processor}"
    ]
    if processor == "aarch64":
        platforms = [name for name in platforms if not name.startswith(("manylinux_2_12", "manylinux_2_5"))]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run", "--ignore-installed", "--no-deps",
        "--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp", "--target", str(tmp_path), "--report", str(report),
        *(word for name in platforms for word in ("--platform", name)), "-r", str(ROOT / "locks" / "server.txt"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if "Failed to establish a new connection" in done.stderr or "Temporary failure in name resolution" in done.stderr:
        pytest.skip("pip reaches no index from here, so nothing can be said about wheels")
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(one["download_info"]["url"].endswith(".whl") for one in json.loads(report.read_text())["install"])
