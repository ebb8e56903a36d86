"""What services say: sentences for people, or one JSON object a line for programs (`VRIJLOOP_LOG=json`).

`VRIJLOOP_LOG_LEVEL=debug` says also what follows one report or request by its ids.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime

from telemetry.errors import UserError

FORM_VARIABLE, LEVEL_VARIABLE = "VRIJLOOP_LOG", "VRIJLOOP_LOG_LEVEL"
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """`time`, `level`, `logger`, `message`, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """A sentence, and the ids behind it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _OWN_FIELDS)
        return super().format(record) + (f" [{ids}]" if ids else "")


def log_to_stderr() -> None:
    """Once, at the start of a service. Libraries that write whole addresses, which may carry secrets, are heard only where something is
    wrong. Raises UserError where the environment asks for what there is not."""
    form, level = os.environ.get(FORM_VARIABLE, "plain"), os.environ.get(LEVEL_VARIABLE, "info")
    if form not in ("plain", "json"):
        raise UserError(f"{FORM_VARIABLE}={form!r}: write plain or json.")
    if level not in ("debug", "info", "warning", "error"):
        raise UserError(f"{LEVEL_VARIABLE}={level!r}: write debug, info, warning or error.")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else PlainFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for own in ("telemetry", "stores", "edge_agent", "ingest", "analytics", "sharing_platform", "vrijloop"):
        logging.getLogger(own).setLevel(level.upper())
    for noisy in ("httpx2", "httpcore2", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
