"""A platform in this process, with two factories and their seekers, that can begin anew for each made-up history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.bounds import Bounds
from sharing_platform.dependencies import PlatformContext
from sharing_platform.machines.index import machine_index
from sharing_platform.notifications.models import Webhook
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Kind, Role
from tests.platform_databases import sqlite_copy
from tests.sharing_platform.conftest import NOON

URL = "http://testserver"
SECRET = {"factory": "hal-9", "name": "Smederij Anstrom", "machine": "zware-frees", "title": "Zware frees zaal 3"}
"""What leads to the factory that hides until it accepts."""
TOKENS = {name: f"the-token-of-{name}" for name in ("hal-2", "hal-9", "start-up", "other")}
PEOPLE = {
    "plan@hal-2.be": "hal-2",
    "plan@hal-9.be": "hal-9",
    "an@start-up.be": "start-up",
    "new@newcomer.be": "newcomer",
}
FACTORIES, SEEKERS = ("hal-2", "hal-9"), ("start-up", "newcomer")
HOOKED = (*FACTORIES, *SEEKERS)
WIDE = Bounds(**dict.fromkeys(Bounds.model_fields, 1000))  # bounds have tests of their own


@dataclass
class World:
    """One application for all histories; each begins with the same database."""

    app: FastAPI
    begin: Callable[[], None]
    present: list[datetime]
    clients: dict[str, TestClient]

    @property
    def context(self) -> PlatformContext:
        context: PlatformContext = self.app.state.context
        return context


def make_world(folder: Path) -> World:
    present = [NOON]
    file = folder / "platform.sqlite"
    settings_ = PlatformSettings(sqlite_copy(file), TOKENS, url=URL, bounds=WIDE, private_webhooks=True)
    app = create_app(settings_, lambda: present[0])
    context: PlatformContext = app.state.context
    clients = {
        name: TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {token}"})
        for name, token in TOKENS.items()
    } | {"anyone": TestClient(app, base_url=URL)}
    with context.sessions.begin() as session:
        secrets = {}
        for email, organisation in PEOPLE.items():
            kind = Kind.FACTORY if organisation in FACTORIES else Kind.SEEKER
            if session.get(Organisation, organisation) is None:
                directory.create_organisation(session, organisation, kind, NOON).status = "asked"
            account, _ = accounts.get_or_create_account(session, email, email, "nl", NOON)
            account.confirmed = NOON
            directory.put_member(session, organisation, account.id, Role.OWNER, NOON)
            secrets[email] = accounts.open_session(session, account, NOON)
        session.get_one(Organisation, "hal-9").name = SECRET["name"]
        for organisation in HOOKED:
            hook = {"url": f"http://127.0.0.1/{organisation}", "secret": "s", "created": NOON}
            session.add(Webhook(id=f"hook-{organisation}", organisation_id=organisation, **hook))
    for email, secret in secrets.items():
        clients[email] = TestClient(app, base_url=URL, headers={"Origin": URL}, cookies={"session": secret})
    for factory, machine in (("hal-2", "mill"), ("hal-9", SECRET["machine"])):
        hidden = factory == "hal-9"
        card = {"title": SECRET["title"] if hidden else "Freesbank", "process": "milling", "anonymous": hidden}
        answer = clients[factory].put(f"/api/v1/machines/{factory}/{machine}", json=card)
        assert answer.status_code == 204, answer.text
    engine = context.sessions.kw["bind"]
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    raw = engine.raw_connection()
    raw.driver_connection.backup(kept)
    raw.close()

    def begin() -> None:
        present[0] = NOON
        raw = engine.raw_connection()
        kept.backup(raw.driver_connection)
        raw.close()
        app.state.machine_index = machine_index()

    return World(app, begin, present, clients)
