"""Gateways of an installation: added, given a new password, and shut out.

add ─▶ gw-1 ─▶ rotate ─▶ gw-1 and gw-1.2 are both let in ─▶ finish ─▶ gw-1.2 alone
                                                                        revoke ─▶ nobody
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry import UserError
from vrijloop.deployment.broker import access_list
from vrijloop.deployment.broker_users import (
    INSIDE,
    gateway_of,
    gateways_in,
    next_user,
    users_in,
    with_password,
    without,
)
from vrijloop.deployment.files import alone_in, new_secret, rewrite, write_once
from vrijloop.deployment.installed import ACCESS, PASSWORDS, Installed

CREDENTIALS = "mqtt-credentials"
_EARLIER = "mqtt-password"
"""As versions before wrote it."""


@dataclass(frozen=True)
class Gateway:
    """`users`: those that the broker lets in, the oldest first."""

    name: str
    users: Sequence[str]


def gateways(installed: Installed) -> list[Gateway]:
    found = gateways_in(installed.passwords.read_text(encoding="utf-8"))
    return [Gateway(name, users) for name, users in sorted(found.items()) if name not in INSIDE]


def add(installed: Installed, name: str) -> Path:
    """Returns the folder with what the gateway needs. Raises UserError if there is one of that name."""
    folder = installed.folder / "gateways" / name
    with alone_in(installed.folder):
        if any(one.name == name for one in gateways(installed)):
            raise UserError(
                f"there is a gateway {name!r} already. `vrijloop gateway rotate {name}` gives it a new password."
            )
        let_in(installed.folder, installed.factory, name)
    write_once(folder / "agent.toml", agent_toml(name, installed.factory, installed.name, installed.mqtt_port))
    shutil.copy(installed.folder / "certificates" / "ca.pem", folder / "ca.pem")
    return folder


def rotate(installed: Installed, name: str) -> Path:
    """Let a second user in for the gateway. Returns the file with its credentials. Raises UserError."""
    with alone_in(installed.folder):
        found = _gateway(installed, name)
        if len(found.users) > 1:
            raise UserError(
                f"the last rotation of {name!r} is not finished: its old password is still valid. `vrijloop gateway rotate {name} --finish` ends that."
            )
        return let_in(installed.folder, installed.factory, next_user(found.users))


def finish(installed: Installed, name: str) -> list[str]:
    """Shut out all users of the gateway but the newest; returns them. Raises UserError."""
    with alone_in(installed.folder):
        *old, _ = _gateway(installed, name).users
        if not old:
            raise UserError(f"{name!r} has one password alone: there is nothing to finish.")
        _shut_out(installed, old)
    (installed.folder / "gateways" / name / _EARLIER).unlink(missing_ok=True)
    return old


def revoke(installed: Installed, name: str) -> None:
    """Shut the gateway out. Raises UserError."""
    with alone_in(installed.folder):
        _shut_out(installed, _gateway(installed, name).users)
    for file in (CREDENTIALS, _EARLIER):
        (installed.folder / "gateways" / name / file).unlink(missing_ok=True)


def let_in(target: Path, factory: str, user: str) -> Path:
    """Add a user of the broker for a gateway, or replace their password. Returns the file with what the gateway logs in with. Needs `alone_in` the folder."""
    password, passwords = new_secret(), target / PASSWORDS
    file = target / "gateways" / gateway_of(user) / CREDENTIALS
    file.parent.mkdir(parents=True, exist_ok=True)
    # The file first: a user whose password was never written could not be handed over.
    rewrite(file, f"{user}\n{password}\n")
    rewrite(passwords, with_password(passwords.read_text(encoding="utf-8"), user, password))
    write_access(target, factory)
    return file


def write_access(target: Path, factory: str) -> None:
    """What each user may read and write follows from who the users are."""
    users = users_in((target / PASSWORDS).read_text(encoding="utf-8"))
    rewrite(target / ACCESS, access_list(factory, [user for user in users if user != "ingest"]))


def agent_toml(gateway: str, factory: str, name: str, mqtt_port: int) -> str:
    return (
        f"# For the gateway {gateway}: copy this folder there as /etc/vrijloop, then add machines (`vrijloop agent discover`).\n"
        f'[agent]\nfactory = "{factory}"\ngateway = "{gateway}"\ndata_dir = "/var/lib/vrijloop-agent"\n\n'
        f'[mqtt]\nurl = "mqtts://{name}:{mqtt_port}"\n'
        f'credentials_file = "/etc/vrijloop/{CREDENTIALS}"\nca_file = "/etc/vrijloop/ca.pem"\n'
    )


def reads_credentials(installed: Installed, name: str) -> bool:
    """Whether the gateway's configuration, as it was made here, names the file with its credentials; those of earlier versions do not."""
    try:
        return "credentials_file" in (installed.folder / "gateways" / name / "agent.toml").read_text(encoding="utf-8")
    except OSError:
        return False


def _gateway(installed: Installed, name: str) -> Gateway:
    known = gateways(installed)
    for one in known:
        if one.name == name:
            return one
    raise UserError(
        f"there is no gateway {name!r}. The broker lets in: {', '.join(one.name for one in known) or 'none'}."
    )


def _shut_out(installed: Installed, users: Sequence[str]) -> None:
    rewrite(installed.passwords, without(installed.passwords.read_text(encoding="utf-8"), users))
    write_access(installed.folder, installed.factory)
