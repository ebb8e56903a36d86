"""Alerts are posted, signed, and retried; the platform's file of webhooks is validated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response

from analytics.publishing.alert_webhook import alert_webhook
from analytics.publishing.bookings_at_risk import Alert
from analytics.publishing.webhooks import verify
from telemetry import SystemClock, UserError
from tests.servers import serving
from vrijloop.platform_server import read_targets

SECRET = "a-secret-between-the-two"
CLOCK = SystemClock()


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[int], list[str], threading.Event]]:
    """(url, status codes to answer, ids received, set once a message was accepted)."""
    statuses, ids, taken = [200], list[str](), threading.Event()
    app = FastAPI()

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        ids.append(verify(dict(request.headers), await request.body(), SECRET, CLOCK.now()))
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == 200:
            taken.set()
        return Response(status_code=status)

    with serving(app) as url:
        yield f"{url}/hook", statuses, ids, taken


def test_an_alert_is_signed_and_retried(
    receiver: tuple[str, list[int], list[str], threading.Event], tmp_path: Path
) -> None:
    url, statuses, ids, taken = receiver
    statuses[:] = [503, 302, 200]
    for name, content in (("url", url), ("secret", SECRET)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    alert_webhook(tmp_path / "url", tmp_path / "secret", CLOCK)(Alert("still_busy", "mill-1", "b1", "mill-1 is booked"))
    assert taken.is_set()
    assert (len(ids), len(set(ids))) == (3, 1)


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
