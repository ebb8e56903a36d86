"""Configuration of Mosquitto: TLS only, and one user per gateway, which may publish only on that gateway's topics."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence

_ITERATIONS = 20_000


def mosquitto_conf(folder: str, data: str, host: str = "", port: int = 8883) -> str:
    """`folder`: where passwords, access list and certificates are; `data`: where messages are persisted."""
    address = f"{port} {host}".strip()
    return f"""# Written by `vrijloop setup`, then yours. Reload with SIGHUP after changes of users or rights.
listener {address}
certfile {folder}/certificates/broker.pem
keyfile {folder}/certificates/broker-key.pem
tls_version tlsv1.2
allow_anonymous false
password_file {folder}/mosquitto.passwords
acl_file {folder}/mosquitto.acl
# What ingest has not acknowledged waits here, also over a restart.
persistence true
persistence_location {data}
autosave_interval 60
# The bound is in bytes: a thousand machines fill it in two days without ingest. Beyond it new messages are dropped, and
# `vrijloop ingest gaps` says which.
max_queued_messages 0
max_queued_bytes 1073741824
max_inflight_messages 0
message_size_limit 1048576
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""


def access_list(factory: str, users: Sequence[str]) -> str:
    """The topics that each user may read and write. `users`: those of gateways, whose names may end in a number after a full stop."""
    lines = [
        "# ingest: takes what machines say; `vrijloop ingest quarantine retry` sends it again as it came",
        "user ingest",
        "topic readwrite vrijloop/v1/+/+/state",
        "topic read vrijloop/v1/+/+/status",
        "topic read vrijloop/v1/+/+/health",
        "# and tells gateways what is stored",
        "topic write vrijloop/v1/+/+/stored",
    ]
    for user in users:
        gateway = user.partition(".")[0]
        lines += [
            "",
            f"user {user}",
            f"topic write vrijloop/v1/{factory}/+/state",
            f"topic write vrijloop/v1/{factory}/{gateway}/status",
            f"topic write vrijloop/v1/{factory}/{gateway}/health",
            f"topic read vrijloop/v1/{factory}/{gateway}/stored",
        ]
    return "\n".join(lines) + "\n"


def password_lines(passwords: Mapping[str, str]) -> str:
    """Lines of a password file as `mosquitto_passwd` writes them: PBKDF2 with SHA-512 ($7$, Mosquitto 2.0)."""
    return "".join(f"{user}:{_hashed(password)}\n" for user, password in passwords.items())


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
