"""The server's API takes any request, alone and in sequences: every operation of its description with made-up values, in `make campaign`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from tests.analytics.control_room.conftest import TOKEN, Room

WRITTEN = Path(__file__).resolve().parents[3] / "docs" / "schema" / "server.openapi.json"
EXAMPLES = int(os.environ.get("VRIJLOOP_API_EXAMPLES", "0"))
SEQUENCES = int(os.environ.get("VRIJLOOP_API_SEQUENCES", "0"))
ENDLESS_OR_LONG = r"^/api/v1/(stream|backup|cycle)$"
CHECKS = [not_a_server_error]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
USUAL = settings(
    max_examples=max(1, EXAMPLES), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def described() -> Any:
    return schemathesis.openapi.from_dict(json.loads(WRITTEN.read_text())).exclude(path_regex=ENDLESS_OR_LONG)


@pytest.mark.servers
@pytest.mark.long
@pytest.mark.skipif(not EXAMPLES, reason="in `make campaign`")
def test_any_request_is_answered_with_a_sentence(room_without_platform: Room) -> None:
    url = room_without_platform.url
    with requests.Session() as session:
        session.trust_env = False
        for found in described().get_all_operations():
            operation = found.ok()

            @USUAL
            @given(case=operation.as_strategy())
            def answered(case: Any) -> None:
                case.headers.pop("Authorization", None)
                answer = case.call(base_url=url, headers=HEADERS, session=session, timeout=60)
                case.validate_response(answer, checks=CHECKS)

            answered()
    assert room_without_platform.process.poll() is None


@pytest.mark.servers
@pytest.mark.long
@pytest.mark.skipif(not SEQUENCES, reason="in `make campaign`")
def test_any_sequence_of_requests_is_answered(room_without_platform: Room) -> None:
    """What one request answers is asked for in the next."""
    url = room_without_platform.url
    machine = described().as_state_machine()

    class Sequence(machine):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            case.headers.pop("Authorization", None)
            return {"base_url": url, "headers": HEADERS, "timeout": 60}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    Sequence.run(settings=settings(USUAL, max_examples=SEQUENCES, stateful_step_count=10))
