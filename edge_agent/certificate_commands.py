"""`vrijloop agent certificate …`

What reads certificates is imported inside the functions: it takes longer to load than the rest of the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.command_options import ConfigOption, identity, pki_of
from telemetry import SystemClock

certificates = typer.Typer(
    help="The agent's own certificate and the server certificates it trusts.", no_args_is_help=True
)


@certificates.command("create")
def create_certificate(
    config: ConfigOption = Path("agent.toml"),
    application_uri: Annotated[str | None, typer.Option(help="Default: built from the host and gateway names.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing certificate.")] = False,
) -> None:
    """Create the agent's own key and certificate for OPC UA."""
    from edge_agent.sources.opcua_security import default_application_uri

    table = identity(config)
    pki = pki_of(table.data_dir)
    uri = application_uri or default_application_uri(table.gateway)
    print(pki.create_own(uri, SystemClock().now(), replace))
    print(f"Add this certificate to the trust list of each machine's server: {pki.certificate}")


@certificates.command("renew")
def renew_certificate(config: ConfigOption = Path("agent.toml")) -> None:
    """Create the key and certificate that are to follow on the present ones, which remain in use until `activate`."""
    pki = pki_of(identity(config).data_dir)
    print(pki.renew_own(SystemClock().now()))
    print(f"Add this certificate to the trust list of each machine's server: {pki.next}")
    print("Then: vrijloop agent certificate activate")


@certificates.command("activate")
def activate_certificate(config: ConfigOption = Path("agent.toml")) -> None:
    """Use the certificate that `renew` has created, from each next connection on."""
    print("In use: " + pki_of(identity(config).data_dir).activate_next())


@certificates.command("trust")
def trust_certificate(
    thumbprint: Annotated[
        str, typer.Argument(help="The first characters of the SHA-256 thumbprint printed by `check`.")
    ],
    config: ConfigOption = Path("agent.toml"),
) -> None:
    """Trust the certificate of an OPC UA server that was rejected."""
    print("Trusted: " + pki_of(identity(config).data_dir).trust(thumbprint))
