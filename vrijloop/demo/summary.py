"""Summary of a demo or replay: reports emitted, stored and missing, hours per state, and slots offered."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from simulators.recorded_meter import RecordedMeter
from telemetry import UserError, rfc3339
from vrijloop.demo.children import Child, Children
from vrijloop.demo.policies import REPLAY_THRESHOLD_W
from vrijloop.demo.requests import ask
from vrijloop.demo.workplace import Workplace

_STANDSTILL_S = 60.0
_POLL_S = 0.3


def emitted_by_factory(place: Workplace, children: Children, shop_floor: Child) -> int:
    """Stop the shop floor, which empties its outbox, and return the last sequence number."""
    from edge_agent.agent import OUTBOX_FILE
    from edge_agent.outbox import Outbox

    children.stop(shop_floor)
    outbox = Outbox(place.folder / "agent" / OUTBOX_FILE)
    try:
        return outbox.last_seq()
    finally:
        outbox.close()


def summarise(
    place: Workplace, emitted: int, offers: list[dict[str, Any]], start: datetime, end: datetime
) -> dict[str, Any]:
    """Counts of reports, hours per state between two moments, and the number of slots offered."""
    status = _settled_status(place, emitted)
    hours = ask(place, "GET", "/api/v1/hours", start=rfc3339(start), end=rfc3339(end))["hours"]
    return {
        "reports": {
            "emitted": emitted,
            "stored": status["stored"],
            "missing": max(0, emitted - status["stored"]),
            "duplicate": max(0, status["stored"] - emitted),
            "redelivered": status["repeated"],
            "quarantined": status["quarantined"],
        },
        "hours_per_state": {state: round(value, 4) for state, value in hours.items()},
        "slots_offered": len(offers),
        "from": rfc3339(start),
        "to": rfc3339(end),
    }


def add_up(summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One summary of several factories; `from` is the earliest."""
    first = min(summaries, key=lambda one: one["from"])
    sums = {name: _sums([one[name] for one in summaries]) for name in ("reports", "hours_per_state")}
    return first | sums | {"slots_offered": sum(one["slots_offered"] for one in summaries)}


def _sums(counts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for one in counts for name in one)
    return {name: round(sum(one.get(name, 0) for one in counts), 4) for name in names}


def _settled_status(place: Workplace, emitted: int) -> dict[str, Any]:
    """The status of the server once all emitted reports are stored, or once nothing has been stored for a while."""
    status: dict[str, Any] = ask(place, "GET", "/api/v1/status")
    progressed = time.monotonic()
    while status["stored"] < emitted and time.monotonic() - progressed < _STANDSTILL_S:
        time.sleep(_POLL_S)
        before, status = status["stored"], ask(place, "GET", "/api/v1/status")
        if status["stored"] > before:
            progressed = time.monotonic()
    return status


def hours_in_file(recording: RecordedMeter) -> dict[str, float]:
    """Hours per state computed directly from the file, to compare with the stored hours."""
    hours = recording.interval.total_seconds() / 3600
    working = sum(power is not None and power >= REPLAY_THRESHOLD_W for power in recording.power_w)
    waiting = sum(power is not None and power < REPLAY_THRESHOLD_W for power in recording.power_w)
    return {"executing": working * hours, "not_executing": waiting * hours}


def report_summary(summary: dict[str, Any], began: float, json_file: Path | None, console: Console) -> int:
    """Write or print the summary. Returns the exit code: 1 if reports are missing or duplicate."""
    summary["seconds"] = round(time.monotonic() - began, 2)
    text = json.dumps(summary, indent=2)
    if json_file is not None:
        try:
            json_file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{json_file}: the summary cannot be written ({error.strerror}).") from error
    else:
        console.print_json(text)
    reports = summary["reports"]
    console.print(
        f"{reports['emitted']} reports emitted, {reports['stored']} stored, {reports['missing']} missing, "
        f"{reports['duplicate']} duplicate; {summary['slots_offered']} slots offered; {summary['seconds']} s."
    )
    return 0 if reports["missing"] == 0 and reports["duplicate"] == 0 else 1
