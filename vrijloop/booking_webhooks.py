"""The platform's word to a factory that its bookings have changed: signed messages (Standard Webhooks) with retries.

They carry nothing that must arrive: the factory asks the platform itself, and does so every second anyway.
"""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from analytics.signed_post import post_signed
from telemetry import Clock, Name, UserError

_log = logging.getLogger(__name__)

_PAUSES_S = (0.0, 1.0, 5.0, 30.0)
_CLOSE_TIMEOUT_S = 10.0
_WAITING = 10_000


class WebhookTarget(BaseModel):
    """Where a factory's server takes messages: its `/api/v1/hooks/bookings`, and the secret it shares with the platform."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://\S+$")
    secret: str = Field(min_length=16)


_TARGETS = TypeAdapter(dict[Name, WebhookTarget])


def read_targets(path: Path) -> Mapping[str, WebhookTarget]:
    """From a JSON object, factory to {"url", "secret"}. Raises UserError, which shows no secret."""
    try:
        return _TARGETS.validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        place = ".".join(str(step) for step in wrong["loc"])
        raise UserError(f"{path}: {place}: {wrong['msg']}.") from None


class BookingWebhooks:
    """`tell` returns at once; a thread of its own delivers."""

    def __init__(self, targets: Mapping[str, WebhookTarget], clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._stopping = threading.Event()
        self._waiting: queue.Queue[str | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._deliver, name="webhooks", daemon=True)
        self._thread.start()

    def tell(self, factory: str) -> None:
        """This factory's bookings have changed."""
        if factory in self._targets:
            try:
                self._waiting.put_nowait(factory)
            except queue.Full:
                _log.error("Too many webhooks wait; %s will hear of its bookings when it asks.", factory)

    def close(self) -> None:
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(timeout=_CLOSE_TIMEOUT_S)

    def _deliver(self) -> None:
        while (factory := self._waiting.get()) is not None:
            target, message_id = self._targets[factory], f"msg_{uuid.uuid4().hex}"
            why = None
            for pause in _PAUSES_S:
                if self._stopping.wait(pause):
                    return
                why = post_signed(target.url, target.secret, message_id, "bookings.changed", {}, self._clock.now())
                if why is None:
                    break
            else:
                _log.warning("%s could not be told of its bookings (%s); it will hear when it asks.", factory, why)
