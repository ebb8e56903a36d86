"""The demo's sharing platform in a process of its own: the platform as it is, and a page that signs one in as one of the demo's people.

    python -m vrijloop.demo.platform FOLDER --database URL --tokens-file FILE --port PORT --mail FOLDER

The page is no part of the platform: it is added here, for the platform on 127.0.0.1 that the demo started.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from telemetry import UserError
from telemetry.logs import log_to_stderr
from vrijloop.demo.sign_in_page import add_demo
from vrijloop.platform_server import PlatformOptions, run_platform


def main(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises UserError."""
    parser = argparse.ArgumentParser(prog="vrijloop.demo.platform")
    parser.add_argument("folder", type=Path, help="The demo's folder.")
    parser.add_argument("--database", required=True)
    parser.add_argument("--tokens-file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mail", required=True)
    parser.add_argument("--private-webhooks", action="store_true")
    given = parser.parse_args(arguments)
    options = PlatformOptions(
        given.database,
        given.tokens_file,
        port=given.port,
        mail=given.mail,
        private_webhooks=given.private_webhooks,
    )
    run_platform(options, extend=lambda app: add_demo(app, given.folder))


if __name__ == "__main__":
    log_to_stderr()
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
