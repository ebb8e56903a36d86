"""`vrijloop kill-switch`, `vrijloop follow` and `vrijloop approvals`: requests to the running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UserError
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption
from vrijloop.commands.running_server import ask_server

approvals_app = typer.Typer(
    help='Requests to offer slots of machines whose policy has `approval = "ask"`.', no_args_is_help=True
)


def kill_switch(
    state: Annotated[str, typer.Argument(help="on: withdraw everything at once and offer nothing; off; or show.")],
    config: ServerConfigOption = SERVER_CONFIG,
) -> None:
    """Withdraw everything that is offered and not booked, and offer nothing until the switch is off again."""
    if state not in ("on", "off", "show"):
        raise UserError(f"{state!r} is neither on, off nor show.")
    if state == "show":
        answer = ask_server(config, "GET", "/api/v1/kill-switch")
    else:
        answer = ask_server(config, "PUT", "/api/v1/kill-switch", {"on": state == "on"})
    print(f"The kill switch is {'on: nothing is offered' if answer['on'] else 'off'}.")
    if answer["at"] is not None:
        by = answer["person"] or "the server's token"
        print(f"Set by {by} at {answer['at']}.")
    if answer.get("pending"):
        print(f"The platform does not show it yet; delivery is retried: {answer['pending']}")


def follow(
    gateway: Annotated[str, typer.Argument(help="The gateway that sent the report.")],
    seq: Annotated[
        int, typer.Argument(min=1, help="Its sequence number, as shown in logs and by `vrijloop ingest gaps`.")
    ],
    config: ServerConfigOption = SERVER_CONFIG,
    days: Annotated[int, typer.Option(min=1, max=62, help="How many days back to search.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Trace one report from the machine to the offers: the stored report, the timeline at its time, and the promises
    made from then on."""
    found = ask_server(config, "GET", f"/api/v1/reports/{quote(gateway, safe='')}/{seq}?days={days}")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    report = found["report"]
    print(
        f"Report {seq} of {gateway}: {found['machine']} was {report['state']} from {report['since']} to {report['until']}."
    )
    for spell in found["timeline"]:
        print(f"  In the timeline: {spell['state']} from {spell['start']} to {spell['end']}.")
    for offer in found["offers"]:
        print(
            f"  Offer {offer['id']}: {offer['start']} to {offer['end']}, {offer['probability']:.1%}, {offer['outcome'] or 'stands'}."
        )
    if not found["offers"]:
        print("  No promises were made for this machine from then on.")


@approvals_app.command("list")
def list_approvals(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """List the requests that wait for an answer, and those that were answered."""
    found = ask_server(config, "GET", "/api/v1/approvals")["approvals"]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table("Id", "Machine", "Start", "End", "Probability", "Status", "Answer by")
    for approval in found:
        times = (approval[name][:16].replace("T", " ") for name in ("start", "end"))
        row = (approval["id"][:8], approval["machine"], *times, f"{approval['probability']:.3f}", approval["status"])
        table.add_row(*row, approval["answer_by"][:16].replace("T", " "))
    Console().print(table if found else "There are no requests.")


@approvals_app.command("approve")
def approve(approval: str, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Approve a slot, so that it is offered. APPROVAL: its id, or the first characters of it."""
    _answer(approval, config, "approved", approve=True)


@approvals_app.command("refuse")
def refuse(approval: str, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Refuse a slot. It is not asked about again."""
    _answer(approval, config, "refused", approve=False)


def _answer(approval: str, config: Path, word: str, *, approve: bool) -> None:
    waiting = [
        approval
        for approval in ask_server(config, "GET", "/api/v1/approvals")["approvals"]
        if approval["status"] == "asked"
    ]
    found = [request for request in waiting if request["id"].startswith(approval)]
    if len(found) != 1:
        raise UserError(
            f"{len(found)} waiting requests have an id that begins with {approval!r}; there must be exactly one."
        )
    answered = ask_server(config, "POST", f"/api/v1/approvals/{found[0]['id']}", {"approve": approve})
    print(f"{answered['machine']} from {answered['start']} to {answered['end']}: {word}.")
