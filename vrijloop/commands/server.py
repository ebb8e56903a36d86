"""`vrijloop server` and `vrijloop schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telemetry import load_settings
from telemetry.logs import log_to_stderr
from vrijloop.commands.options import AsOfOption, ServerConfigOption, parse_as_of


def server(config: ServerConfigOption, as_of: AsOfOption = None) -> None:
    """Run ingest, store and analytics in one process."""
    from analytics.policy.policy import Policy
    from vrijloop.server_settings import ServerSettings

    start = parse_as_of(as_of)
    settings = load_settings(config, ServerSettings)
    policy = load_settings(settings.policy, Policy)
    # What is wrong in the files, and an address that is taken, are said at once: the server's libraries take seconds to load. A second server
    # must not open the store of the first.
    from vrijloop.http_server import listen_on

    listener = listen_on(settings.host, settings.port)
    from vrijloop.server import run_server

    log_to_stderr()
    run_server(settings, policy, listener, start)


def schema(
    folder: Annotated[Path, typer.Argument(help="Folder to write the files to.")] = Path("docs/schema"),
) -> None:
    """Write the JSON Schema and AsyncAPI descriptions of the wire format, and the OpenAPI descriptions of server and platform."""
    from telemetry.schema import write_schemas

    for path in write_schemas(folder):
        print(path)
    from analytics.app import describe

    print(describe(folder))
    from vrijloop.platform_server import describe_platform

    print(describe_platform(folder))
