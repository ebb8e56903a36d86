"""Log formats of the services: plain text, or one JSON object per line (`VRIJLOOP_LOG=json`).

`VRIJLOOP_LOG_LEVEL=debug` adds messages that follow a single report or request by its ids.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime

from telemetry.errors import UserError

FORM_VARIABLE, LEVEL_VARIABLE = "VRIJLOOP_LOG", "VRIJLOOP_LOG_LEVEL"
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """JSON with `time`, `level`, `logger`, `message` and the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """Plain text, followed by the fields given as `extra`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD_FIELDS)
        return super().format(record) + (f" [{ids}]" if ids else "")


def log_to_stderr() -> None:
    """Set up logging; call it once, at the start of a service.

    Libraries that log complete URLs, which may contain secrets, are limited to warnings. Raises UserError if an environment variable has an
    invalid value.
    """
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
