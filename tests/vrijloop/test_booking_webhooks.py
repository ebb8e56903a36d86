"""A factory is told of its bookings, and a manager of those in danger: signed, and again when the other side was away for a moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request, Response

from analytics.alert_webhook import alert_webhook
from analytics.bookings_at_risk import Alert
from analytics.standard_webhooks import check
from sharing_platform.app import PlatformSettings, create_app
from telemetry import SystemClock, UserError, rfc3339
from tests.servers import serving
from vrijloop.booking_webhooks import BookingWebhooks, WebhookTarget, read_targets

SECRET = "a-secret-between-the-two"
CLOCK = SystemClock()


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[int], list[str], threading.Event]]:
    """(url, status codes to answer, ids received, set when one was taken)."""
    statuses, ids, taken = [200], list[str](), threading.Event()
    app = FastAPI()

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        ids.append(check(dict(request.headers), await request.body(), SECRET, CLOCK.now()))
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == 200:
            taken.set()
        return Response(status_code=status)

    with serving(app) as url:
        yield f"{url}/hook", statuses, ids, taken


def test_a_booking_is_told_to_its_factory_and_to_no_other(
    receiver: tuple[str, list[int], list[str], threading.Event], tmp_path: Path
) -> None:
    url, _, ids, taken = receiver
    settings = PlatformSettings(
        f"sqlite:///{tmp_path}/p.sqlite", {"hal-2": "secret-of-hal-2", "genk": "secret-of-genk"}
    )
    with closing(BookingWebhooks({"hal-2": WebhookTarget(url=url, secret=SECRET)}, CLOCK)) as webhooks:
        app = create_app(settings, CLOCK.now, webhooks.tell)
        with serving(app) as platform:
            for factory in ("genk", "hal-2"):
                start = CLOCK.now() + timedelta(hours=4)
                offer = {
                    "factory": factory, "machine": "mill-1", "start": rfc3339(start),
                    "end": rfc3339(start + timedelta(hours=2)), "probability": 0.9, "checked": 20, "broken": 0,
                }  # fmt: skip
                token = {"Authorization": f"Bearer secret-of-{factory}"}
                assert httpx2.put(f"{platform}/api/v1/offers/{factory}", json=offer, headers=token).status_code == 201
                who = {"organisation": "Start-up", "email": "a@b.be"}
                assert httpx2.post(f"{platform}/api/v1/offers/{factory}/booking", json=who).status_code == 201
            assert taken.wait(20)
    assert len(ids) == 1


def test_a_server_that_was_away_for_a_moment_is_told_again_under_the_same_id(
    receiver: tuple[str, list[int], list[str], threading.Event],
) -> None:
    url, statuses, ids, taken = receiver
    statuses[:] = [503, 200]
    with closing(BookingWebhooks({"hal-2": WebhookTarget(url=url, secret=SECRET)}, CLOCK)) as webhooks:
        webhooks.tell("hal-2")
        assert taken.wait(20)
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_an_alert_is_posted_signed_and_again(
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
    ("text", "said"),
    [
        ('{"hal-2": {"url": "ftp://x", "secret": "0123456789abcdef"}}', "hal-2.url"),
        ('{"hal-2": {"url": "http://x", "secret": "short-one"}}', "hal-2.secret"),
        ("nonsense", "JSON"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_without_its_secrets(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "webhooks.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as refused:
        read_targets(path)
    assert "short-one" not in str(refused.value)
