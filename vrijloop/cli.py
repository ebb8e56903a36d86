"""The `vrijloop` command line.

Command modules import rooms inside their functions, because on a gateway only the agent's dependencies are installed.
"""

from __future__ import annotations

import typer

from edge_agent import commands as agent
from vrijloop.commands import (
    analytics,
    backup,
    calendars,
    compare,
    control_room,
    dashboards,
    demo,
    doctor,
    export,
    gateway,
    ingest,
    platform,
    publishing,
    secrets,
    server,
    setup,
    store,
)
from vrijloop.program import run_program

app = typer.Typer(
    help="Vrijloop: finds the hours in which machines stand idle, and offers them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(agent.app, name="agent")
app.add_typer(ingest.app, name="ingest")
app.add_typer(store.app, name="store")
app.add_typer(dashboards.app, name="dashboards")
app.add_typer(setup.setup_app, name="setup")
app.add_typer(setup.service_app, name="service")
app.add_typer(gateway.app, name="gateway")
app.add_typer(secrets.app, name="secrets")
app.command()(analytics.spare)
app.command()(analytics.backtest)
app.command()(analytics.kpis)
app.command()(publishing.kill_switch)
app.command()(publishing.follow)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(backup.backup_key)
app.command()(platform.platform)
app.command()(platform.platform_admin)
app.command()(platform.platform_invite)
app.command()(platform.platform_migrate)
app.command()(platform.platform_signing_key)
app.command()(platform.region_report)
app.command()(platform.region_rebuild)
app.add_typer(publishing.approvals_app, name="approvals")
app.add_typer(control_room.app, name="control-room")
app.add_typer(calendars.app, name="calendars")
app.add_typer(export.app, name="export")
app.add_typer(compare.app, name="compare")
app.command()(demo.demo)
app.command()(demo.simulate)
app.command()(server.server)
app.command()(server.schema)


def main() -> None:
    """Run the command that the arguments name."""
    run_program(app)
