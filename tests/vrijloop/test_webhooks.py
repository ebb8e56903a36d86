"""Alerts are posted, signed, and retried; the platform's file of webhooks is validated."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from analytics.publishing.alert_webhook import alert_webhook
from analytics.publishing.alerts import Alert
from analytics.publishing.webhooks import verify
from telemetry import SystemClock, UserError
from tests.servers import serving
from vrijloop.platform_server import read_targets

SECRET = "a-secret-between-the-two"
CLOCK = SystemClock()


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[int], list[str], list[dict[str, Any]], threading.Event]]:
    """(url, status codes to answer, ids and data received, set once a message was accepted)."""
    statuses, ids, bodies, taken = [200], list[str](), list[dict[str, Any]](), threading.Event()
    app = FastAPI()

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        body = await request.body()
        ids.append(verify(dict(request.headers), body, SECRET, CLOCK.now()))
        bodies.append(json.loads(body)["data"])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == 200:
            taken.set()
        return Response(status_code=status)

    with serving(app) as url:
        yield f"{url}/hook", statuses, ids, bodies, taken


def test_an_alert_is_signed_and_retried(
    receiver: tuple[str, list[int], list[str], list[dict[str, Any]], threading.Event], tmp_path: Path
) -> None:
    url, statuses, ids, bodies, taken = receiver
    statuses[:] = [503, 302, 200]
    for name, content in (("url", url), ("secret", SECRET)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    hours = {"start": datetime(2026, 3, 2, 13, tzinfo=UTC), "end": datetime(2026, 3, 2, 17, tzinfo=UTC)}
    post = alert_webhook(tmp_path / "url", tmp_path / "secret", CLOCK)
    post(Alert("still_busy", "mill-1", "b1", hours), "Europe/Brussels")
    assert taken.is_set()
    assert (len(ids), len(set(ids))) == (3, 1)
    data = bodies[-1]
    assert (
        data["texts"]["nl"]
        == "mill-1 is geboekt van ma 2 mrt, 14:00 tot ma 2 mrt, 18:00, maar werkt nog voor de fabriek zelf."
    )
    assert (sorted(data["texts"]), data["values"]["start"]) == (["en", "fr", "nl"], "2026-03-02T13:00:00.000Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"hal-2": {"url": "ftp://x", "secret": "0123456789abcdef"}}', "hal-2.url"),
        ('{"hal-2": {"url": "http://x", "secret": "short-one"}}', "hal-2.secret"),
        ("nonsense", "JSON"),
    ],
)
def test_errors_in_the_file_do_not_contain_its_secrets(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "webhooks.json"
    path.write_text(text)
    with pytest.raises(UserError, match=expected) as refused:
        read_targets(path)
    assert "short-one" not in str(refused.value)
