"""The images of docker-compose.yml: ours, built as the Dockerfile says, and the others', pulled or replaced by stand-ins of Debian's packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import influxdb2
from tests.containers.engine import BUILD, FOLDER, Docker, progress
from tests.servers import ROOT

PULLED = os.environ.get("VRIJLOOP_TEST_IMAGES", "") == "pulled"
"""Whether the images of other makers are pulled."""
SUITE = "trixie"
"""Of Debian: it has the images' minor versions of Python, PostgreSQL and Mosquitto."""
STAND_INS = FOLDER / "stand_ins"
PYTHON = re.search(r"^FROM (python:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]  # type: ignore[index]
_BASE = "vrijloop-stand-in:base"
_FILES = {
    "mosquitto": ["exec.sh"],
    "nginx": ["exec.sh"],
    "postgres": ["postgres.sh"],
    "influxdb": ["influxdb.sh", "influx.sh"],
    "grafana": ["grafana.py", "run.sh"],
    "python": [],
}


def services(folder: Path = ROOT) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((folder / "docker-compose.yml").read_text())["services"])


def foreign_images(folder: Path = ROOT) -> list[str]:
    return sorted({one["image"] for one in services(folder).values() if "build" not in one} | {PYTHON})


def get_foreign_images(client: Docker, folder: Path = ROOT) -> None:
    for image in foreign_images(folder):
        if PULLED:
            progress(f"pulling {image}")
            client.run("pull", image, seconds=1800)
        elif not client.has_image(image):
            _make_stand_in(client, image)


def _make_stand_in(client: Docker, image: str) -> None:
    name = next((name for name in _FILES if name in image), None)
    if name is None:
        pytest.fail(f"{image} has no stand-in in {STAND_INS.relative_to(ROOT)}")
    if not client.has_image(_BASE):
        _make_base(client)
    with tempfile.TemporaryDirectory() as folder:
        for file in _FILES[name]:
            shutil.copy(STAND_INS / file, folder)
        if name == "influxdb":
            if not influxdb2.BUILT.exists():
                pytest.skip(f"{influxdb2.BUILT.name} is not here: scripts/influxdb2 builds it and says what is missing")
            shutil.copy(influxdb2.BUILT, folder)
        client.build(Path(folder), image, "--file", STAND_INS / f"{name}.Dockerfile")


def _make_base(client: Docker) -> None:
    """Debian's smallest system, with what this machine trusts and how it reaches Debian's packages."""
    progress(f"Debian {SUITE} by debootstrap")
    mirror = next(iter(re.findall(r"^(?:URIs:|deb)\s+(http\S+/debian/?)(?:\s|$)", _sources(), re.MULTILINE)), "")
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        root = Path(name) / "root"
        command = ["debootstrap", "--variant=minbase", SUITE, str(root), *filter(None, [mirror])]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=1800,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
        if done.returncode:
            pytest.fail(f"debootstrap: {(done.stdout + done.stderr)[-2000:]}")
        archive = Path(name) / "root.tar"
        subprocess.run(["tar", "--numeric-owner", "-C", root, "-cf", archive, "."], check=True, timeout=600)
        client.run("import", archive, "vrijloop-stand-in:root")
        context = Path(name) / "context"
        context.mkdir()
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", context)
        settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
        (context / "apt.conf").write_text(
            "\n".join(re.findall(r"^Acquire::https?::Proxy .*;$", settings, re.MULTILINE)) + "\n"
        )
        client.build(context, _BASE, "--file", STAND_INS / "base.Dockerfile")


def _sources() -> str:
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return "\n".join(place.read_text() for place in places if place.is_file())


def source_of(revision: str, folder: Path) -> Path:
    """The repository's files as of a commit."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", revision], check=True, capture_output=True, timeout=120
    ).stdout
    subprocess.run(["tar", "-xC", folder], input=archive, check=True, timeout=120)
    return folder


def version_before() -> str:
    """The commit from which the upgrade starts: `VRIJLOOP_TEST_BEFORE`, the last tag, or the one before the newest migration."""
    if chosen := os.environ.get("VRIJLOOP_TEST_BEFORE"):
        return chosen
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD")
    return (
        tag or _git("log", "--diff-filter=A", "--format=%H", "-1", "--", "sharing_platform/migrations/versions") + "^"
    )


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, timeout=60).stdout.strip()
