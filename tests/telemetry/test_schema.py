"""The published descriptions of the wire format match the types."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telemetry import MachineState, StateInterval, StateReport, encode
from telemetry.schema import state_message_schema, write_schemas
from tests.published_schemas import ONE_PROCESS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "schema"


def test_the_checked_in_files_are_up_to_date(tmp_path: Path) -> None:
    for path in write_schemas(tmp_path):
        assert (DOCS / path.name).read_text() == path.read_text(), "run `vrijloop schema` and commit the result"


@ONE_PROCESS
def test_what_an_agent_sends_fits_the_schema() -> None:
    import jsonschema

    since = datetime(2026, 1, 1, tzinfo=UTC)
    interval = StateInterval(MachineState.EXECUTING, since, since + timedelta(hours=1))
    message = json.loads(encode("gw-1", [StateReport.of(1, interval)]))
    validator = jsonschema.Draft202012Validator(state_message_schema())
    validator.validate(message)
    message["reports"][0]["state"] = "idle"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(message)
