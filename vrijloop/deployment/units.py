"""Installs the systemd units."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry import UserError

USER = "vrijloop"
SERVICES = ("agent", "server", "platform", "ingest")
_FOLDER = Path(__file__).parent / "systemd"
UNIT_FOLDER = Path("etc/systemd/system")
MOSQUITTO_CONF, SYSTEMD = Path("/etc/mosquitto/mosquitto.conf"), Path("/run/systemd/system")


def unit_file(service: str) -> Path:
    """The unit file in this package."""
    return _FOLDER / (f"vrijloop-{service}@.service" if service == "ingest" else f"vrijloop-{service}.service")


def install(services: Sequence[str], program: str, root: Path) -> Iterator[str]:
    """Write the units under `root`, which differs from `/` in tests and images. `program`: the path for `ExecStart`.
    Yields what was written. Raises UserError."""
    unknown = sorted(set(services) - set(SERVICES))
    if unknown:
        raise UserError(f"there is no service {unknown[0]!r}; the services are {', '.join(SERVICES)}.")
    folder = root / UNIT_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for service in services:
            source = unit_file(service)
            text = source.read_text(encoding="utf-8").replace("/usr/local/bin/vrijloop", program)
            (folder / source.name).write_text(text, encoding="utf-8")
            yield f"{folder / source.name} is written."
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}). Run it as root.") from error


def own_program(path: str) -> str:
    """The absolute path of the running program, for `ExecStart`. Raises UserError."""
    found = shutil.which(path)
    if found is None:
        raise UserError("`vrijloop` is not on the PATH: link it to /usr/local/bin first, so that all users have it.")
    return str(Path(found).resolve()) if not Path(found).is_symlink() else found


def make_user() -> None:
    """Create the system user `vrijloop` if it does not exist. Raises UserError."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--home-dir",
            "/var/lib/vrijloop-server",
            "--shell",
            "/usr/sbin/nologin",
            USER,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Debian's own tool
        if done.returncode:
            raise UserError(f"the user {USER} could not be created: {done.stderr.strip()}. Run it as root.") from None


def reload_broker(passwords: Path) -> bool:
    """Have the running broker read its files again. Returns False where that is for whoever runs it: it reads other files, or there is no systemd."""
    try:
        reads = f"password_file {passwords}\n" in MOSQUITTO_CONF.read_text(encoding="utf-8")
    except OSError:
        return False
    if not reads or os.getuid() != 0 or not SYSTEMD.exists():
        return False
    done = subprocess.run(["systemctl", "reload", "mosquitto"], capture_output=True, check=False)  # noqa: S607 - systemd's own
    return done.returncode == 0


def change_owners(folder: Path) -> None:
    """Give configuration files and secrets to the users of the services that read them. Does nothing unless run by
    root."""
    if os.getuid() != 0:
        return
    for user, names in (
        ("mosquitto", ["mosquitto.conf", "mosquitto.passwords", "mosquitto.acl", "certificates/broker-key.pem"]),
        (USER, ["secrets", *(f"secrets/{secret.name}" for secret in (folder / "secrets").iterdir())]),
    ):
        try:
            shutil.chown(folder / names[0], user, user)
        except LookupError:
            continue
        for name in names[1:]:
            shutil.chown(folder / name, user, user)
