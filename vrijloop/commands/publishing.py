"""`vrijloop kill-switch` and `vrijloop approvals`: what the factory decides about its offers, said to the running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UserError, load_settings
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption

_TIMEOUT_S = 30.0

approvals_app = typer.Typer(help="Slots of machines whose policy says `ask`.", no_args_is_help=True)


def kill_switch(
    state: Annotated[str, typer.Argument(help="on: withdraw everything at once and offer nothing; off; or show.")],
    config: ServerConfigOption = SERVER_CONFIG,
) -> None:
    """Withdraw all that is offered and not booked, and offer nothing until it is off again."""
    if state not in ("on", "off", "show"):
        raise UserError(f"{state!r} is neither on, off nor show.")
    if state == "show":
        answer = _ask(config, "GET", "/api/v1/kill-switch")
    else:
        answer = _ask(config, "PUT", "/api/v1/kill-switch", {"on": state == "on"})
    print(f"The kill switch is {'on: nothing is offered' if answer['on'] else 'off'}.")
    if answer.get("pending"):
        print(f"The platform does not show it yet, and is tried again: {answer['pending']}")


def follow(
    gateway: Annotated[str, typer.Argument(help="The gateway that sent the report.")],
    seq: Annotated[int, typer.Argument(min=1, help="Its number, as logs and `vrijloop ingest gaps` have it.")],
    config: ServerConfigOption = SERVER_CONFIG,
    days: Annotated[int, typer.Option(min=1, max=62, help="How far back it is looked for.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """One report, from the machine to the offers: how it is stored, what the timeline makes of it, what was promised from then on."""
    found = _ask(config, "GET", f"/api/v1/reports/{quote(gateway, safe='')}/{seq}?days={days}")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    report = found["report"]
    print(
        f"Report {seq} of {gateway}: {found['machine']} was {report['state']} from {report['since']} to {report['until']}."
    )
    for one in found["timeline"]:
        print(f"  In the timeline: {one['state']} from {one['start']} to {one['end']}.")
    for one in found["offers"]:
        print(
            f"  Offer {one['id']}: {one['start']} to {one['end']}, {one['probability']:.1%}, {one['outcome'] or 'stands'}."
        )
    if not found["offers"]:
        print("  Nothing was promised of this machine from then on.")


@approvals_app.command("list")
def list_approvals(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """What waits for an answer, and what was answered."""
    found = _ask(config, "GET", "/api/v1/approvals")["approvals"]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table("Id", "Machine", "Start", "End", "Probability", "Status", "Answer by")
    for one in found:
        times = (one[name][:16].replace("T", " ") for name in ("start", "end"))
        row = (one["id"][:8], one["machine"], *times, f"{one['probability']:.3f}", one["status"])
        table.add_row(*row, one["answer_by"][:16].replace("T", " "))
    Console().print(table if found else "Nothing waits for an answer.")


@approvals_app.command("approve")
def approve(approval: str, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Let a slot be offered. APPROVAL: its id, or the beginning of it."""
    _answer(approval, config, "approved", approve=True)


@approvals_app.command("refuse")
def refuse(approval: str, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Do not let a slot be offered; it is not asked about again."""
    _answer(approval, config, "refused", approve=False)


def _answer(approval: str, config: Path, word: str, *, approve: bool) -> None:
    waiting = [one for one in _ask(config, "GET", "/api/v1/approvals")["approvals"] if one["status"] == "asked"]
    found = [one for one in waiting if one["id"].startswith(approval)]
    if len(found) != 1:
        raise UserError(f"{len(found)} requests that wait for an answer begin with {approval!r}; one must.")
    one = _ask(config, "POST", f"/api/v1/approvals/{found[0]['id']}", {"approve": approve})
    print(f"{one['machine']} from {one['start']} to {one['end']}: {word}.")


def _ask(config: Path, method: Literal["GET", "PUT", "POST"], path: str, body: object = None) -> Any:
    """The running server's answer. Raises UserError with a sentence."""
    import httpx2

    from vrijloop.server_client import address_of, request
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings)
    address = address_of(settings)
    try:
        answer = request(settings, method, path, _TIMEOUT_S, body)
    except httpx2.HTTPError as error:
        raise UserError(f"no server answers at {address}; is `vrijloop server` running? ({error})") from error
    if answer.is_error:
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = answer.text[:200]
        raise UserError(f"the server at {address} answered {answer.status_code}: {detail}")
    return answer.json()
