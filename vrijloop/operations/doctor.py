"""Looks at everything a server needs, and says what is wrong and how to mend it. It changes nothing."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx2
import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from analytics.policy.policy import Policy
from ingest.broker_client import broker_client
from stores import StoreUnavailableError
from stores.configuration import DUCKDB_FILE, StoreTable, open_store, read_secret
from telemetry import Clock, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings
from vrijloop.server_client import address_of, request
from vrijloop.server_settings import ServerSettings

Level = Literal["ok", "warning", "wrong"]

_TIMEOUT_S = 5.0
_EXPIRES_SOON = timedelta(days=30)
_CLOCK_APART = timedelta(seconds=5)
_LEAST_FREE = 1_000_000_000
_LEAST_FREE_SHARE = 0.05


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not well."""

    area: str
    level: Level
    said: str
    mend: str = ""


def examine(config: Path, clock: Clock) -> Iterator[Finding]:
    """Each finding as soon as it is known. What cannot be looked at because something before it is wrong is left out."""
    try:
        settings = load_settings(config, ServerSettings)
        policy = load_settings(settings.policy, Policy)
    except UserError as error:
        yield Finding(
            "configuration",
            "wrong",
            str(error),
            "Correct the file; the sample beside the documentation names every option.",
        )
        return
    yield Finding("configuration", "ok", f"{config} and {settings.policy} are valid; factory {policy.factory}.")
    yield from secrets(settings)
    yield from broker(settings.mqtt, clock)
    yield from store(settings.store, settings.data_dir)
    yield from platform(settings, clock)
    yield from server(settings)
    yield disk(settings.data_dir, shutil.disk_usage(_existing(settings.data_dir)))


def secrets(settings: ServerSettings) -> Iterator[Finding]:
    """Can be read, are long enough, and by nobody else."""
    files = {"server token": settings.token_file, "platform token": settings.platform.token_file}
    if settings.store.token_file is not None:
        files["token of the store"] = settings.store.token_file
    files |= {f"token of {factory}": path for factory, path in settings.tokens.items()}
    for what, path in files.items():
        try:
            read_secret(path, what)
        except UserError as error:
            yield Finding("secrets", "wrong", str(error), "")
            continue
        if path.stat().st_mode & 0o077:
            yield Finding("secrets", "warning", f"{path}: others can read the {what}.", f"chmod 600 {path}")
        else:
            yield Finding("secrets", "ok", f"The {what} is there, and its owner's alone.")


def broker(settings: BrokerSettings, clock: Clock) -> Iterator[Finding]:
    """Answers, lets the server in, and its certificate lasts."""
    try:
        context, client = settings.tls_context(), broker_client(settings, "")
    except UserError as error:
        yield Finding("broker", "wrong", str(error), "")
        return
    if context is not None:
        yield certificate("broker", settings.host, settings.port, context, clock.now())
    why = _refused(settings, client)
    if why is None:
        yield Finding("broker", "ok", f"{settings.address} lets the server in.")
    else:
        yield Finding(
            "broker",
            "wrong",
            f"{settings.address}: {why}.",
            "Is the broker running, and are user and password those that it knows?",
        )


def _refused(settings: BrokerSettings, client: mqtt.Client) -> str | None:
    """Why the broker does not let us in; None where it does. Nothing is subscribed to, and the session is not kept."""
    answers: list[str] = []
    done = threading.Event()

    def answered(why: str) -> None:
        answers.append(why)
        done.set()

    def on_connect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        answered("" if not reason.is_failure else f"it refuses the server ({reason})")

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: answered(settings.ended_unanswered)
    try:
        client.connect(settings.host, settings.port, keepalive=10)
    except (OSError, ValueError) as error:
        return f"no answer ({error})"
    client.loop_start()
    done.wait(_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
    return (answers[0] or None) if answers else "it takes the connection but does not speak MQTT"


def certificate(area: str, host: str, port: int, context: ssl.SSLContext, now: datetime) -> Finding:
    """Valid for this name, and for a month more."""
    try:
        with (
            socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            ends_at = ssl.cert_time_to_seconds(str((wrapped.getpeercert() or {})["notAfter"]))
    except (OSError, ssl.SSLError, KeyError) as error:
        return Finding(
            area,
            "wrong",
            f"{host}:{port}: its certificate is not accepted ({error}).",
            "Renew it, or name its issuer in `ca_file`.",
        )
    ends = datetime.fromtimestamp(ends_at, UTC)
    if ends - now < _EXPIRES_SOON:
        return Finding(
            area, "warning", f"{host}:{port}: its certificate expires on {ends:%d/%m/%Y}.", "Renew it before."
        )
    return Finding(area, "ok", f"{host}:{port}: its certificate is valid until {ends:%d/%m/%Y}.")


def store(table: StoreTable, data_dir: Path) -> Iterator[Finding]:
    """Its folder can be written, or its server answers."""
    if table.kind == "influxdb":
        url = f"{(table.url or '').rstrip('/')}/ping"
        try:
            answer = httpx2.get(url, timeout=_TIMEOUT_S)
        except httpx2.HTTPError as error:
            yield Finding(
                "store",
                "wrong",
                f"{table.url}: InfluxDB does not answer ({type(error).__name__}).",
                "Start it, or correct `url` in [store].",
            )
            return
        version = answer.headers.get("x-influxdb-version", "unknown version")
        yield Finding("store", "ok", f"{table.url}: InfluxDB {version} answers.")
        yield from _bucket(table, data_dir)
        return
    folder = _existing(data_dir)
    try:
        probe = folder / ".vrijloop-doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding(
            "store",
            "wrong",
            f"{folder} cannot be written ({error.strerror}).",
            f"Give it to the user that runs the server: chown {folder}",
        )
        return
    file = data_dir / DUCKDB_FILE
    held = (
        f"{file.stat().st_size / 1e6:.0f} MB"
        if file.exists()
        else "not made yet: the server does that at its first start"
    )
    yield Finding("store", "ok", f"{file}: {held}.")


def _bucket(table: StoreTable, data_dir: Path) -> Iterator[Finding]:
    """The token may read the bucket."""
    try:
        with closing(open_store(table, data_dir, SystemClock())) as opened:
            held = opened.factories()
    except UserError:
        return  # said among the secrets
    except StoreUnavailableError as error:
        yield Finding("store", "wrong", f"{error}.", "`vrijloop store init` makes the bucket and a token for it.")
        return
    yield Finding("store", "ok", f"The bucket {table.bucket} can be read; it holds {', '.join(held) or 'nothing yet'}.")


def platform(settings: ServerSettings, clock: Clock) -> Iterator[Finding]:
    """Answers, knows the token, and has the same time."""
    url = settings.platform.url
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        yield certificate("platform", parts.hostname, parts.port or 443, ssl.create_default_context(), clock.now())
    try:
        token = read_secret(settings.platform.token_file, "platform token")
        answer = httpx2.get(f"{url}/api/v1/bookings", headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S)
    except UserError:
        return  # said among the secrets
    except httpx2.HTTPError as error:
        yield Finding(
            "platform",
            "wrong",
            f"{url} does not answer ({type(error).__name__}).",
            "Offers wait here, durably. Start it, or correct `url` in [platform].",
        )
        return
    if answer.status_code in (401, 403):
        yield Finding(
            "platform",
            "wrong",
            f"{url} does not know this factory's token.",
            "Ask its administrator for one that may `read` and `offer`.",
        )
    elif answer.is_error:
        yield Finding("platform", "wrong", f"{url} answered {answer.status_code}.", "Look into the platform's log.")
    else:
        yield Finding("platform", "ok", f"{url} answers, and knows this factory.")
    there = answer.headers.get("date")
    if there is not None:
        yield clocks(parsedate_to_datetime(there), clock.now())


def clocks(there: datetime, here: datetime) -> Finding:
    """Signatures and promises need one time."""
    apart = abs(there - here)
    if apart > _CLOCK_APART:
        return Finding(
            "clock",
            "warning",
            f"This machine's clock and the platform's are {apart.total_seconds():.0f} s apart.",
            "Set both by NTP: timedatectl set-ntp true",
        )
    return Finding("clock", "ok", "This machine's clock and the platform's agree.")


def server(settings: ServerSettings) -> Iterator[Finding]:
    """Runs, and hears its gateways."""
    address = address_of(settings)
    try:
        answer = request(settings, "GET", "/api/v1/status", _TIMEOUT_S)
    except UserError:
        return
    except httpx2.HTTPError:
        yield Finding("server", "warning", f"{address}: the server does not run.", "vrijloop server --config …")
        return
    if answer.is_error:
        yield Finding(
            "server",
            "wrong",
            f"{address} answered {answer.status_code}: something else may run there.",
            "Choose another `port`.",
        )
        return
    status = answer.json()
    yield Finding("server", "ok", f"{address} runs; {status.get('stored', 0)} reports stored.")
    if status.get("missing"):
        yield Finding(
            "server",
            "warning",
            f"{status['missing']} reports are missing.",
            "vrijloop ingest gaps says of which gateway.",
        )


def disk(folder: Path, usage: tuple[int, int, int]) -> Finding:
    """Room for some time to come. `usage`: total, used, free bytes."""
    total, _, free = usage
    said = f"{free / 1e9:.1f} GB of {total / 1e9:.0f} GB are free where {folder} is."
    if free < _LEAST_FREE or free < _LEAST_FREE_SHARE * total:
        return Finding("disk", "warning", said, "Make room, or set `keep` in [store], which deletes what is older.")
    return Finding("disk", "ok", said)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
