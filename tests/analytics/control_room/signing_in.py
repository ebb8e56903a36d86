"""A control room for tests of signing in, whose clock they set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from analytics.api.attempts import Attempts
from analytics.api.people import People
from analytics.api.sessions import Failures, Sessions
from sign_in.passkeys import relying_party
from tests.analytics.api.test_api import OWN, ServedApi
from tests.analytics.rig import SetClock
from tests.analytics.tables import utc
from tests.servers import free_port, serving
from tests.sign_in.authenticator import Authenticator

NOON = utc(2, 12, month=3)
SERVER_TOKEN = OWN
PASSKEYS, SIGN_IN = "/control/passkeys", "/control/sign-in"


@dataclass
class Door:
    """`url`: where people open the control room, under a name, as passkeys need it."""

    api: ServedApi
    url: str
    people: People
    clock: SetClock

    def anew(self) -> None:
        """As when it opened."""
        context, self.clock.moment = self.api.context, NOON
        context.sessions, context.attempts, context.provider = Sessions(), Attempts(), None
        context.failures, context.provider_failures = Failures("wrong tokens and passkeys"), Failures("wrong answers")
        context.party = relying_party(self.url)
        for person in self.people.all():
            self.people.remove(person.name)

    def later(self, by: timedelta) -> None:
        self.clock.moment += by

    def browser(self, **cookies: str) -> httpx2.Client:
        """With nobody signed in."""
        return httpx2.Client(base_url=self.url, headers={"Origin": self.url}, cookies=cookies, timeout=20, verify=False)

    def signed_in(self, token: str) -> httpx2.Client:
        browser = self.browser()
        assert browser.post(SIGN_IN, data={"token": token}).status_code == 303
        return browser

    def authenticator(self, **wrong: Any) -> Authenticator:
        return Authenticator(origin=self.url, **wrong)


@contextmanager
def open_door(folder: Path) -> Iterator[Door]:
    api, clock, people, port = ServedApi(folder), SetClock(NOON), People(folder / "people.sqlite"), free_port()
    url, context, service = f"http://localhost:{port}", api.context, api.context.service

    async def set_kill_switch(on: bool, person: str | None) -> None:
        context.publishing.set_kill_switch(on, person, clock.now())

    service.set_kill_switch = set_kill_switch  # type: ignore[method-assign, assignment]
    context.people, context.clock, context.party = people, clock, relying_party(url)  # type: ignore[assignment]
    with serving(api.app, port):
        yield Door(api, url, people, clock)
    people.close()
    api.store.close()


def add(browser: httpx2.Client, key: Authenticator, name: str = "Laptop") -> httpx2.Response:
    asked = browser.post(f"{PASSKEYS}/options")
    if asked.status_code != 200:
        return asked
    return browser.post(PASSKEYS, data={"name": name, "credential": answer_of(key.create(asked.json()))})


def use(browser: httpx2.Client, key: Authenticator) -> httpx2.Response:
    asked = browser.post(f"{SIGN_IN}/passkey/options").json()
    return browser.post(f"{SIGN_IN}/passkey", data={"credential": answer_of(key.get(asked))})


def answer_of(credential: dict[str, Any]) -> str:
    return json.dumps(credential)


def who(browser: httpx2.Client) -> str | None:
    """Whom the control room shows as signed in; "" for the server's token, None for nobody."""
    page = browser.get("/control").text
    if "control.js" not in page:
        return None
    header = page.partition("<header>")[2].partition("</header>")[0]
    return header.partition("<nav>")[2].partition("<span>")[2].partition("</span>")[0]
