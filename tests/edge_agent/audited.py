"""Runs `vrijloop` and writes down, a JSON line each, what it asks of the operating system that could lead out of the machine:

python -m tests.edge_agent.audited LOG agent run --config agent.toml
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

WATCHED = {
    "socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind",
    "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo",
    "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "urllib.Request", "http.client.connect",
}  # fmt: skip


def main() -> None:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in WATCHED:
            return
        # Of a socket's events the first argument is the socket itself.
        told = [repr(one) if isinstance(one, bytes) else one for one in arguments if not hasattr(one, "fileno")]
        os.write(log, json.dumps([event, *told], default=repr).encode() + b"\n")

    sys.addaudithook(watch)
    del sys.argv[1]
    from vrijloop.__main__ import main as vrijloop

    vrijloop()


if __name__ == "__main__":
    main()
