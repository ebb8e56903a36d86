"""One metered machine, live, through all the rooms: the test turns a value at the meter, the page shows it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sharing_platform.database import open_database
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.permissions import Role
from simulators.modbus_server import MeterServer, sdm630
from tests import forked
from tests.servers import Mosquitto, answers, free_port, wait_for
from vrijloop.demo.forks import Fork
from vrijloop.demo.workplace import Ports, Workplace

IDLE_W, WORKING_W = 500.0, 5000.0
MACHINE = "pers-1"


@dataclass
class LiveHouse:
    """`power_w[0]` is what the meter shows from the next poll on. `session`: the cookie of somebody of the factory."""

    url: str
    session: str = ""
    power_w: list[float] = field(default_factory=lambda: [IDLE_W])


@contextmanager
def live_house(folder: Path, poll_interval: str = "500ms") -> Iterator[LiveHouse]:
    broker_folder = folder / "mosquitto"
    broker_folder.mkdir()
    broker = Mosquitto(broker_folder)
    broker.start()
    modbus, server, platform = (free_port() for _ in range(3))
    place = Workplace(folder, Ports(broker.port, 0, modbus, server, platform), "hal-2", "gw-1", "5")
    machines = (
        f'[[modbus]]\nid = "{MACHINE}"\nhost = "127.0.0.1"\nport = {modbus}\ntemplate = "eastron-sdm630"\n'
        f'poll_interval = "{poll_interval}"\n'
        "thresholds = { off_below_w = 100.0, idle_below_w = 1500.0, working_from_w = 2500.0 }\n"
    )
    policy = f'factory = "hal-2"\nshare_live_state = true\n[machine.{MACHINE}]\ntitle = "Kantpers"\n'
    place.prepare(machines, policy, cycle="1h")
    house = LiveHouse(place.platform_url)
    started: list[Fork] = []

    def start(name: str, *arguments: str) -> None:
        started.append(forked.start(["vrijloop", *arguments], folder / f"{name}.log"))

    try:
        with _meter(modbus, house):
            tokens, database = str(place.platform_tokens), place.database_url
            start("platform", "platform", "--tokens-file", tokens, "--database", database, "--port", str(platform))
            wait_for(lambda: answers(house.url), "the platform to answer")
            house.session = _member(database)
            start("server", "server", "-c", str(place.server_config))
            start("agent", "agent", "run", "-c", str(place.agent_config))
            yield house
    finally:
        for one in reversed(started):
            one.terminate()
            one.wait(30)
        broker.stop()


def _member(database: str) -> str:
    """The secret of a session of somebody in the factory."""
    now = datetime.now(UTC)
    with open_database(database).begin() as session:
        account, _ = accounts.get_or_create_account(session, "eva@hal.example", "Eva", "nl", now)
        directory.put_member(session, "hal-2", account.id, Role.OWNER, now)
        session.flush()
        return accounts.open_session(session, account, now)


@contextmanager
def _meter(port: int, house: LiveHouse) -> Iterator[None]:
    """The meter's server, in a thread of its own so that it answers while a browser is waited for."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    meter = MeterServer([sdm630(1, lambda: house.power_w[0])], port)
    asyncio.run_coroutine_threadsafe(meter.start(), loop).result(20)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(meter.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
