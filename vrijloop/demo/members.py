"""The people of the demo's region: how they get their accounts, and what they send to the platform's API."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.requests import NO_AUTHORITIES

_TERMS = 1
"""The version that the platform is installed with."""
_MAIL_S = 20.0
_POLL_S = 0.01


@dataclass
class Member:
    """Somebody with a browser, who is signed in once they have chosen a password, and signs in again when that has expired."""

    client: httpx2.Client
    email: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def send(self, method: str, path: str, **body: Any) -> Any:
        """The JSON of the answer, None where there is none. Raises UnavailableError."""
        return self._asked(method, path, json=body or None)

    def upload(self, path: str, file: Path, **fields: str) -> Any:
        """Send a file in a form. Raises UnavailableError."""
        return self._asked("POST", path, data=fields, files={"files": (file.name, file.read_bytes())})

    def choose_password(self, secret: str) -> None:
        """With the secret of a mailed link."""
        self.send("POST", "/accounts/welcome", link=secret, password=self.password)

    def _asked(self, method: str, path: str, **request: Any) -> Any:
        answer = self.client.request(method, f"/api/v1{path}", **request)
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            signed_in = self.client.post("/api/v1/session", json={"email": self.email, "password": self.password})
            answer = answer if signed_in.is_error else self.client.request(method, f"/api/v1{path}", **request)
        return _json_of(answer)


def _json_of(answer: httpx2.Response) -> Any:
    if answer.is_error:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise UnavailableError(f"the demo's platform refused {asked}: {answer.text[:300]}")
    return answer.json() if answer.content else None


def visitor(url: str, origin: str, person: str, opened: ExitStack) -> Member:
    """Somebody who is not signed in yet. `origin`: the platform's public address. `opened` closes the connection."""
    # A session's requests say where they come from, as a browser's do.
    client = httpx2.Client(base_url=url, headers={"Origin": origin}, timeout=30, verify=NO_AUTHORITIES)
    return Member(opened.enter_context(client), address_of(person))


def address_of(person: str) -> str:
    return f"{person.split()[0].lower()}@demo.example"


def join(member: Member, link: str) -> None:
    """With the link of an invitation, or of who was made the region's administrator."""
    member.choose_password(link.rpartition("/")[2])
    member.send("PUT", "/account/terms", version=_TERMS)


def register(member: Member, person: str, mail: Path, deliver: Callable[[], None], **particulars: str) -> Any:
    """Register oneself and one's organisation, with the link that comes by mail. Returns the organisation."""
    member.send("POST", "/accounts", name=person, email=member.email, terms=_TERMS, **particulars)
    deliver()
    member.choose_password(_secret_in(mail, member.email))
    return member.send("GET", "/organisation")


def _secret_in(mail: Path, address: str) -> str:
    """Of the link in the e-mail to somebody who has just registered. Raises UnavailableError."""
    deadline = time.monotonic() + _MAIL_S
    while time.monotonic() < deadline:
        for file in mail.glob("*.eml"):
            content = file.read_bytes()
            if address.encode() not in content:
                continue  # to read all that has been mailed to others took most of a registration's time
            message = message_from_bytes(content, policy=default)
            body = message.get_body(("plain",))
            link = re.search(r"/welcome/(\S+)", body.get_content()) if body is not None else None
            if message["To"] == address and link is not None:
                return link[1]
        time.sleep(_POLL_S)
    raise UnavailableError(f"no e-mail has come to {address}; see {mail}.")
