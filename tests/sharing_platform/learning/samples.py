"""What organisations post in these tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2

from tests.sharing_platform.conftest import NOON

API = "/api/v1/learning"
STORY: dict[str, Any] = {
    "kind": "story", "title": "Omstellen in 18 minuten", "details": {
        "process": "milling", "transformation": "advanced_manufacturing", "problem": "Kleine reeksen stonden halve dagen stil.",
        "approach": "Nulpuntspansysteem en gereedschap voorinstellen.", "result": "Reeksen van tien lonen weer.",
        "figures": [{"label": "Omsteltijd", "before": 45, "after": 18, "unit": "min"}],
    },
}  # fmt: skip

INTEREST: dict[str, Any] = {
    "kind": "interest", "title": "Basis FANUC", "text": "Voor wie 's nachts alleen staat.", "people": 2,
    "details": {"process": "milling", "month": "2026-05", "place": "Genk", "languages": ["nl"]},
}  # fmt: skip
QUESTION: dict[str, Any] = {
    "kind": "question", "title": "Wie heeft ervaring met minimaalsmering?", "text": "In aluminium, op een 5-assige freesbank.", "details": {"process": "milling"},
}  # fmt: skip


def meeting(seats: int = 2, hours: float = 72, **more: Any) -> dict[str, Any]:
    """A visit of two hours, in so many hours from now."""
    start = NOON + timedelta(hours=hours)
    session = {"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
    details = {"form": "visit", "place": "Genk", "address": "Dijk 4", "process": "welding", "seats": seats, "sessions": [session]}  # fmt: skip
    return {"kind": "meeting", "title": "Bezoek aan onze lascel", "text": "Cobots aan het werk.", "details": details | more}  # fmt: skip


def post(client: httpx2.Client, body: dict[str, Any]) -> str:
    """Its path in the API."""
    answer = client.post(API, json=body)
    assert answer.status_code == 201, answer.text
    return f"{API}/{answer.json()['id']}"


def code(answer: httpx2.Response) -> object:
    return answer.json().get("code") if answer.status_code >= 400 else answer.status_code


def page_of(path: str) -> str:
    """The page of what the API has at a path."""
    return path.removeprefix("/api/v1")
