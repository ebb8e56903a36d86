"""A platform of the test's own, on a real socket."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.contentmanager import raw_data_manager
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI
from jinja2 import FileSystemBytecodeCache

from analytics.publishing.webhooks import post_signed
from sharing_platform.app import PlatformSettings
from sharing_platform.dependencies import PlatformContext
from sharing_platform.organisations import accounts, api_tokens, credentials, directory
from sharing_platform.organisations.credentials import hash_password
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Kind, Right, Role
from sharing_platform.pages import TEMPLATES
from sharing_platform.scheduler import ScheduledJobs
from tests.platform_databases import create_kept_app, reset_postgresql, reset_sqlite
from tests.servers import free_port, serving, wait_for

TOKENS = {"hal-2": "token-of-hal-2", "hal-3": "token-of-hal-3", "start-up": "token-of-start-up"}
STARTUP = {"Authorization": "Bearer token-of-start-up"}
ONE_DATABASE = os.environ.get("VRIJLOOP_TEST_DATABASES", "postgresql").split()
"""Of what databases hardly differ in, the short form asks the stricter one alone; `make campaign` asks both."""
ON_BOTH_DATABASES = {
    "test_api",
    "test_requests",
    "test_offer_status",
    "test_search",
    "test_order_law",
    "test_suggestions",
    "test_accounts",
    "test_notifications",
    "test_public_version",
}
"""Files of tests that are there for what databases may differ in: queries, locks, orders, times."""
NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # noon in Brussels, a Monday


REAL_HASHER, REAL_NOBODY = credentials._HASHER, credentials._NOBODY


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """The same argon2id at the least cost: at the real one, which test_credentials.py holds, passwords take a third of the CPU time of these tests."""
    with credentials.hash_passwords_fast(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "_NOBODY", hash_password("nobody"))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(request: pytest.FixtureRequest) -> None:
    """Kept from run to run and for all processes, as Python's own modules are: a hundred templates take seconds to compile."""
    cache: pytest.Cache | None = getattr(request.config, "cache", None)  # none with `-p no:cacheprovider`
    if cache is not None:
        TEMPLATES.env.bytecode_cache = FileSystemBytecodeCache(str(cache.mkdir("templates")))


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(url: str, timeout: float = 30, **more: Any) -> httpx2.Client:
    """Nothing here speaks TLS, or goes through a proxy: to prepare a client for either takes longer than a request, and each test has five."""
    return httpx2.Client(base_url=url, verify=_NO_TLS, trust_env=False, timeout=timeout, **more)


@dataclass
class Platform:
    """Its address, and what its factories and visitors do."""

    url: str
    present: list[datetime] = field(default_factory=lambda: [NOON])
    app: FastAPI | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    _opened: list[httpx2.Client] = field(default_factory=list, init=False)

    def _client(self, **more: Any) -> httpx2.Client:
        self._opened.append(made := client(self.url, **more))
        return made

    @cached_property
    def anyone(self) -> httpx2.Client:
        return self._client()

    @cached_property
    def hal_2(self) -> httpx2.Client:
        return self._client(headers={"Authorization": "Bearer token-of-hal-2"})

    @cached_property
    def hal_3(self) -> httpx2.Client:
        return self._client(headers={"Authorization": "Bearer token-of-hal-3"})

    @cached_property
    def startup(self) -> httpx2.Client:
        return self._client(headers=STARTUP)

    @property
    def context(self) -> PlatformContext:
        assert self.app is not None
        return cast("PlatformContext", self.app.state.context)

    @cached_property
    def _jobs(self) -> ScheduledJobs:
        assert self.app is not None
        return ScheduledJobs(self.context, self.app.state.machine_index, timedelta(0))

    def tick(self) -> None:
        """What the platform does by itself, now."""
        self._jobs.tick()

    def later(self, hours: float) -> None:
        """Time passes, and the platform does what that brings."""
        self.present[0] += timedelta(hours=hours)
        self.tick()

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [one for one in self.mails if one["To"] == address]

    def mail(self, address: str, said: str = "") -> EmailMessage:
        """The newest mail to somebody that says so; waits until it has been sent."""

        def found() -> list[EmailMessage]:
            return [one for one in self.mails_to(address) if said in f"{one['Subject']} {one.get_content()}"]

        wait_for(lambda: bool(found()), f"a mail to {address} with {said!r}")
        return found()[-1]

    def link_in_mail(self, address: str, path: str = "/welcome/") -> str:
        """The link that works once, of the newest mail with one."""
        link = re.search(rf"http\S+{path}\S+", self.mail(address, path).get_content())
        assert link is not None
        return link.group(0)

    def secret_in_mail(self, address: str, path: str = "/welcome/") -> str:
        """What the API takes of such a link."""
        return self.link_in_mail(address, path).rpartition("/")[2]

    def confirm_request(self, address: str, mine: bool = True) -> httpx2.Client:
        """A guest opens the link in the mail and confirms the request, which signs in."""
        guest = self._client(headers={"Origin": self.url})
        body = {"link": self.secret_in_mail(address, "/confirm/"), "mine": mine}
        answer = guest.post("/api/v1/requests/confirmation", json=body)
        assert answer.status_code == 200, answer.text
        return guest

    def somebody(
        self,
        email: str,
        organisation: str | None = None,
        role: Role = Role.OWNER,
        kind: Kind = Kind.SEEKER,
        approved: bool = True,
        password: str | None = None,
    ) -> httpx2.Client:
        """Signed in, in an organisation that is made if there is none of that name."""
        with self.context.sessions.begin() as session:
            account, _ = accounts.get_or_create_account(session, email, email.partition("@")[0], "nl", self.present[0])
            account.confirmed = self.present[0]
            if password is not None:
                account.password_hash = hash_password(password)
            if organisation is not None:
                own = session.get(Organisation, organisation) or directory.create_organisation(
                    session, organisation, kind, self.present[0]
                )
                own.status = "approved" if approved else own.status
                directory.put_member(session, own.id, account.id, role, self.present[0])
            secret = accounts.open_session(session, account, self.present[0])
        return self._client(cookies={"session": secret}, headers={"Origin": self.url})

    def elsewhere(self, number: int = 2) -> httpx2.Client:
        """A stranger's browser, whose requests come from 127.0.0.<number>."""
        transport = httpx2.HTTPTransport(verify=_NO_TLS, local_address=f"127.0.0.{number}")
        return self._client(headers={"Origin": self.url}, transport=transport)

    def token(self, organisation: str, *scopes: Right) -> httpx2.Client:
        """A program of an organisation that exists."""
        with self.context.sessions.begin() as session:
            _, secret = api_tokens.new_token(session, organisation, "test", scopes, self.present[0])
        return self._client(headers={"Authorization": f"Bearer {secret}"})

    def close(self) -> None:
        for one in self._opened:
            one.close()

    def offer(self, name: str = "o1", start_h: float = 3, hours: float = 4, **more: Any) -> dict[str, Any]:
        start = NOON + timedelta(hours=start_h)
        body = {
            "factory": "hal-2", "machine": "mill-1", "start": start.isoformat(),
            "end": (start + timedelta(hours=hours)).isoformat(), "probability": 0.937, "checked": 40, "broken": 2,
        }  # fmt: skip
        answer = self.hal_2.put(f"/api/v1/offers/{name}", json=body | more)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def machine(self, name: str = "mill-1", title: str = "Freesbank DMU 50", **more: Any) -> None:
        answer = self.hal_2.put(f"/api/v1/machines/hal-2/{name}", json={"title": title, **more})
        assert answer.status_code == 204, answer.text


def _text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


# The content of an e-mail with attachments is its text: tests read what people read.
raw_data_manager.add_get_handler("multipart/mixed", _text_of)


@dataclass
class Postbox:
    """A mail server that hands over at once."""

    taken: list[EmailMessage]

    def send(self, mail: EmailMessage) -> None:
        self.taken.append(mail)


@contextmanager
def platform_over(database_url: str, **more: Any) -> Iterator[Platform]:
    """`more`: settings beside the usual ones, or instead of them."""
    present, mails = [NOON], list[EmailMessage]()
    port = free_port()
    usual: dict[str, Any] = {
        "tokens": TOKENS, "url": f"http://127.0.0.1:{port}", "mailer": Postbox(mails), "post": post_signed,
        "private_webhooks": True, "scheduler_interval_s": 3600,
    }  # fmt: skip
    settings = PlatformSettings(database_url, **usual | more)
    app = create_kept_app(settings, lambda: present[0])
    with serving(app, port) as url:
        built = Platform(url, present, app, mails)
        yield built
        built.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of a platform say themselves which databases it has, or have the usual ones."""
    marks = metafunc.definition.iter_markers("parametrize")
    named = [mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0] for mark in marks]
    said = any(name.strip() == "platform" for names in named for name in names)
    if "platform" in metafunc.fixturenames and not said:
        both = Path(metafunc.module.__file__ or "").stem in ON_BOTH_DATABASES
        metafunc.parametrize("platform", ["sqlite", "postgresql"] if both else ONE_DATABASE, indirect=True)


def database_of(request: pytest.FixtureRequest) -> str:
    """Put back to what the migrations left, of the kind that the parameter of the fixture says."""
    return reset_sqlite() if request.param == "sqlite" else reset_postgresql(request.getfixturevalue("postgres"))


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    with platform_over(database_of(request)) as built:
        yield built
