"""Logs: one id connects an offer in the logs of analytics and platform, as sentences or as JSON, without secrets."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from telemetry import UserError
from telemetry.logs import JsonFormatter, PlainFormatter, log_to_stderr
from tests.analytics.rig import Rig


def test_an_offer_can_be_found_in_both_logs(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    result = rig.cycle()
    assert result.put > 0
    records = [vars(one) for one in caplog.records]
    offered = {one["offer"]: one for one in records if str(one["msg"]).startswith("Offered")}
    assert set(offered) == set(rig.offers())
    for offer in offered:
        there = [
            one for one in records if one["name"] == "sharing_platform.middleware" and one.get("offer_id") == offer
        ]
        here = [
            one
            for one in records
            if one["name"] == "analytics.publishing.platform_client" and offer in str(one["args"])
        ]
        assert len(there) == len(here) == 1
        assert there[0]["request"] == here[0]["request"]
    assert "secret" not in caplog.text


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ingest.service", logging.INFO, "x.py", 1, "Stored %d.", (3,), None)
    vars(made).update(extra)
    return made


def test_a_log_line_is_json_or_a_sentence() -> None:
    line = json.loads(JsonFormatter().format(record(gateway="gw-1", seqs="4-6")))
    assert {**line, "time": ""} == {
        "time": "", "level": "info", "logger": "ingest.service", "message": "Stored 3.", "gateway": "gw-1", "seqs": "4-6",
    }  # fmt: skip
    assert line["time"].endswith("Z")
    assert PlainFormatter().format(record(gateway="gw-1")).endswith("INFO ingest.service: Stored 3. [gateway=gw-1]")
    assert PlainFormatter().format(record()).endswith("Stored 3.")


def test_a_traceback_stays_one_line() -> None:
    try:
        int("two\nlines")
    except ValueError:
        line = JsonFormatter().format(logging.LogRecord("x", logging.ERROR, "x", 1, "Defect.", (), sys.exc_info()))
    assert "\n" not in line
    assert "ValueError" in json.loads(line)["traceback"]


@pytest.mark.parametrize(("name", "value"), [("VRIJLOOP_LOG", "xml"), ("VRIJLOOP_LOG_LEVEL", "loud")])
def test_an_invalid_log_setting_is_an_error(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="write"):
        log_to_stderr()


@pytest.mark.servers
def test_a_service_logs_json_when_asked() -> None:
    code = "from telemetry.logs import log_to_stderr; import logging; log_to_stderr(); logging.getLogger('ingest.x').debug('Seen.', extra={'seq': 4})"
    environment = {"VRIJLOOP_LOG": "json", "VRIJLOOP_LOG_LEVEL": "debug"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert json.loads(done.stderr)["seq"] == 4
