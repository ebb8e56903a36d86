"""Checks the configuration of the proxy that `vrijloop setup` has written, which is its owner's since. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vrijloop.operations.finding import Finding

NGINX_CONF = "nginx.conf"
_LIMITED = re.compile(r"^\s*limit_req\s", re.MULTILINE)
LIMITS = (
    "limit_req_zone $binary_remote_addr zone=visitors:10m rate=100r/s;",
    "limit_req zone=visitors burst=500 nodelay;",
    "limit_req_status 429;",
)
"""As setting up writes them now."""


def proxy(folder: Path) -> Iterator[Finding]:
    """Check that one address cannot take all. Installations of earlier versions have no bound, and setting up again changes no file that is there. `folder`: where the server's
    configuration lies; nothing is said where the proxy's is elsewhere, or cannot be read."""
    try:
        written = (folder / NGINX_CONF).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if _LIMITED.search(written):
        yield Finding("proxy", "ok", "It bounds the requests of one address.")
    else:
        yield Finding(
            "proxy",
            "warning",
            f"{folder / NGINX_CONF} does not bound the requests of one address, which could take the whole server.",
            f"Write into its http block: {' '.join(LIMITS)} Then reload nginx.",
        )
