"""Checks everything that a server needs, and reports problems and how to correct them. Changes nothing."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from analytics.http_answers import get_answer
from analytics.policy.calendar_feeds import skipped_text
from analytics.policy.policy import Policy
from stores import StoreUnavailableError
from stores.configuration import DUCKDB_FILE, StoreTable, check_access, open_store, read_secret
from telemetry import Clock, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client, refusal_of
from telemetry.certificates import Certificate
from vrijloop.operations.calendars import look_at_calendars
from vrijloop.operations.certificate_watch import certificate_findings
from vrijloop.operations.finding import Finding, Level
from vrijloop.operations.proxy_doctor import proxy
from vrijloop.operations.secrets_doctor import secrets
from vrijloop.operations.sign_in_doctor import sign_in
from vrijloop.server_client import address_of, request
from vrijloop.server_settings import ServerSettings

_TIMEOUT_S, _WHOLE_S = 5.0, 30.0
_MOST_BYTES = 20_000_000
"""Of an answer: a page of the platform stays far below."""
_CLOCK_APART = timedelta(seconds=5)
_LEAST_FREE = 1_000_000_000
_LEAST_FREE_SHARE = 0.05


def examine(config: Path, clock: Clock) -> Iterator[Finding]:
    """Yield each finding as soon as it is known. Checks that depend on a failed one are left out."""
    try:
        settings = load_settings(config, ServerSettings)
        policy = load_settings(settings.policy, Policy)
    except UserError as error:
        yield Finding(
            "configuration",
            "wrong",
            str(error),
            "Correct the file; the sample in docs/ explains every option.",
        )
        return
    yield Finding("configuration", "ok", f"{config} and {settings.policy} are valid; factory {policy.factory}.")
    yield from secrets(settings, policy)
    yield from sign_in(settings, clock)
    yield from certificate_findings(settings, clock)
    yield from proxy(config.parent)
    yield from broker(settings.mqtt, clock)
    yield from store(settings.store, settings.data_dir)
    yield from platform(settings, clock)
    yield from calendars(settings, policy, clock)
    yield backups(settings.backup_recipients)
    yield from server(settings)
    yield disk(settings.data_dir, shutil.disk_usage(_existing(settings.data_dir)))


def broker(settings: BrokerSettings, clock: Clock) -> Iterator[Finding]:
    """Check that the broker answers, accepts the server's credentials, and has a certificate that does not expire
    soon."""
    try:
        context, client = settings.tls_context(), build_client(settings, "")
    except UserError as error:
        yield Finding("broker", "wrong", str(error), "")
        return
    if context is not None:
        yield certificate("broker", settings.host, settings.port, context, clock.now())
    why = _refused(settings, client)
    if why is None:
        yield Finding("broker", "ok", f"{settings.address} accepts the server's credentials.")
    else:
        yield Finding("broker", "wrong", f"{settings.address}: {why}.")


def _refused(settings: BrokerSettings, client: mqtt.Client) -> str | None:
    """Connect to the broker without subscribing or keeping a session. Returns the reason of a failure, None on
    success."""
    answers: list[str] = []
    done = threading.Event()

    def answered(why: str) -> None:
        answers.append(why)
        done.set()

    def on_connect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        answered("" if not reason.is_failure else refusal_of(reason))

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: answered(settings.ended_unanswered)
    try:
        client.connect(settings.host, settings.port, keepalive=10)
    except (OSError, ValueError) as error:
        return f"no answer ({error}). Check that it runs, and `url` under [mqtt]"
    client.loop_start()
    done.wait(_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
    return (answers[0] or None) if answers else "it accepts the connection but does not speak MQTT"


def certificate(area: str, host: str, port: int, context: ssl.SSLContext, now: datetime) -> Finding:
    """Check that the certificate is valid for this name and does not expire within a month."""
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
            f"{host}:{port}: its certificate is not valid ({error}).",
            "Renew it, or set `ca_file` to the certificate of its issuer.",
        )
    ends = datetime.fromtimestamp(ends_at, UTC)
    said = Certificate(f"{host}:{port}: its certificate", ends).warning(now)
    if said is not None:
        return Finding(area, "warning", said, "Renew it before that day.")
    return Finding(area, "ok", f"{host}:{port}: its certificate is valid until {ends:%d/%m/%Y}.")


def store(table: StoreTable, data_dir: Path) -> Iterator[Finding]:
    """Check that the store's folder is writable, or that its server answers."""
    if table.kind == "influxdb":
        url = f"{(table.url or '').rstrip('/')}/ping"
        try:
            answer = get_answer(url, _TIMEOUT_S, _WHOLE_S, _MOST_BYTES)
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
            f"Make the user that runs the server its owner: chown {folder}",
        )
        return
    file = data_dir / DUCKDB_FILE
    size = (
        f"{file.stat().st_size / 1e6:.0f} MB"
        if file.exists()
        else "not created yet; the server creates it when it first starts"
    )
    yield Finding("store", "ok", f"{file}: {size}.")


def _bucket(table: StoreTable, data_dir: Path) -> Iterator[Finding]:
    """Check that the token can read and write the bucket."""
    try:
        check_access(table)
        with closing(open_store(table, data_dir, SystemClock())) as opened:
            factories = opened.factories()
    except UserError:
        return  # reported by `secrets`
    except StoreUnavailableError as error:
        yield Finding(
            "store",
            "wrong",
            f"{error}.",
            "`vrijloop store init` creates what is missing: the bucket, and a token for it.",
        )
        return
    yield Finding(
        "store",
        "ok",
        f"The bucket {table.bucket} can be read and written; it contains {', '.join(factories) or 'nothing yet'}.",
    )


def platform(settings: ServerSettings, clock: Clock) -> Iterator[Finding]:
    """Check that the platform answers, accepts the token, and has the same time."""
    if settings.platform is None:
        yield Finding("platform", "ok", "There is no [platform]: hours are seen, and none are offered.")
        return
    url = settings.platform.url
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        yield certificate("platform", parts.hostname, parts.port or 443, ssl.create_default_context(), clock.now())
    try:
        token = read_secret(settings.platform.token_file, "platform token")
        headers = {"Authorization": f"Bearer {token}"}
        answer = get_answer(f"{url}/api/v1/bookings", _TIMEOUT_S, _WHOLE_S, _MOST_BYTES, headers)
    except UserError:
        return  # reported by `secrets`
    except httpx2.HTTPError as error:
        yield Finding(
            "platform",
            "wrong",
            f"{url} does not answer ({type(error).__name__}).",
            "Start it, or correct `url` in [platform]. Meanwhile offers are stored and delivered later.",
        )
        return
    if answer.status_code in (401, 403):
        yield Finding(
            "platform",
            "wrong",
            f"{url} does not accept this factory's token.",
            "Ask its administrator for a token with the permissions `read` and `offer`.",
        )
    elif not answer.is_success:
        mend = "Correct `url` in [platform]." if answer.is_redirect else "Look into the platform's log."
        yield Finding("platform", "wrong", f"{url} answered {answer.status_code}.", mend)
    else:
        yield Finding("platform", "ok", f"{url} answers and accepts this factory's token.")
        yield from people(url, token)
    there = answer.headers.get("date")
    if there is not None:
        yield clocks(parsedate_to_datetime(there), clock.now())


def people(url: str, token: str) -> Iterator[Finding]:
    """Check that somebody in the factory can answer requests. Platforms of earlier versions do not tell."""
    try:
        headers = {"Authorization": f"Bearer {token}"}
        answer = get_answer(f"{url}/api/v1/organisation/answering", _TIMEOUT_S, _WHOLE_S, _MOST_BYTES, headers)
    except httpx2.HTTPError:
        return  # `platform` has just got an answer; the next check will
    if not answer.is_success:
        return
    if answer.json()["people"]:
        yield Finding("people", "ok", "Somebody in this factory can answer requests.")
    else:
        yield Finding(
            "people",
            "warning",
            "Nobody in this factory can answer requests on the platform.",
            "Whoever runs the platform invites somebody: vrijloop platform-invite FACTORY EMAIL",
        )


def clocks(there: datetime, here: datetime) -> Finding:
    """Compare the clocks: signatures and promises depend on them."""
    apart = abs(there - here)
    if apart > _CLOCK_APART:
        return Finding(
            "clock",
            "warning",
            f"This machine's clock and the platform's are {apart.total_seconds():.0f} s apart.",
            "Set both by NTP: timedatectl set-ntp true",
        )
    return Finding("clock", "ok", "This machine's clock and the platform's agree.")


def calendars(settings: ServerSettings, policy: Policy, clock: Clock) -> Iterator[Finding]:
    """Check that the calendars of planned work can be read and understood."""
    for report in look_at_calendars(settings, policy, clock):
        said = f"{report.source}: planned periods: {len(report.periods)}"
        said += "".join(f"; {count} × {skipped_text(reason, 'en')}" for reason, count in report.reasons.items())
        if report.problem is not None:
            level: Level = "warning" if report.copied_at is not None else "wrong"
            copy = "Its last good copy is used." if report.copied_at is not None else "There is no earlier copy."
            yield Finding(
                "calendars",
                level,
                f"{report.source}: {report.problem.written('en')} {copy}",
                "Correct the [[feed]] in the policy, or whatever serves it.",
            )
        elif report.misses_work and report.feed.unclear == "block":
            yield Finding(
                "calendars",
                "warning",
                f"{said}. Nothing is offered of what these events may be about.",
                "`vrijloop calendars check` lists them. Correct them, so that the hours can be offered again.",
            )
        elif report.misses_work:
            yield Finding(
                "calendars",
                "warning",
                f"{said}. Planned work may be missing.",
                '`vrijloop calendars check` lists the events. Correct them, or offer nothing of what they may be about: `unclear = "block"` in [[feed]].',
            )
        else:
            yield Finding("calendars", "ok", f"{said}.")


def server(settings: ServerSettings) -> Iterator[Finding]:
    """Check that the server runs and that no reports are missing."""
    address = address_of(settings)
    try:
        answer = request(settings, "GET", "/api/v1/status", _TIMEOUT_S)
    except UserError:
        return
    except httpx2.HTTPError:
        yield Finding("server", "warning", f"{address}: the server is not running.", "vrijloop server --config …")
        return
    if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE and (why := _detail(answer)) is not None:
        yield Finding(
            "server",
            "wrong",
            f"{address} is running, but cannot reach its store: {why}.",
            "Look at what is said about the store.",
        )
        return
    if not answer.is_success:
        yield Finding(
            "server",
            "wrong",
            f"{address} answered {answer.status_code}; another program may be listening there.",
            "Choose another `port`.",
        )
        return
    status = answer.json()
    yield Finding("server", "ok", f"{address} is running; {status.get('stored', 0)} reports are stored.")
    for task in status.get("failing_tasks", []):
        yield Finding(
            "server",
            "warning",
            f"{task['task'].capitalize()} fails since {task['since']}: {task['why'].rstrip('.')}.",
            "It is tried again by itself; where the sentence names no cause that you can mend, look into the server's log.",
        )
    if status.get("missing"):
        yield Finding(
            "server",
            "warning",
            f"{status['missing']} reports are missing.",
            "`vrijloop ingest gaps` shows which gateway they are from.",
        )


def _detail(answer: httpx2.Response) -> str | None:
    """The sentence in an error of our server; None where the answer is not one of those."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return str(body["detail"]).rstrip(".") if isinstance(body, dict) and "detail" in body else None


def backups(recipients: Sequence[str]) -> Finding:
    """Check that backups can be encrypted for the keys that are named."""
    if not recipients:
        return Finding(
            "backups", "ok", "They are not encrypted: whoever gets one can read it (`backup_recipients` changes that)."
        )
    from vrijloop.operations.encryption import check_recipient, keys_in_words  # loads what only those need who encrypt

    try:
        keys = [check_recipient(one) for one in recipients]
    except ValueError as error:
        return Finding("backups", "wrong", f"{error}.", "Correct `backup_recipients`; until then no backup is written.")
    return Finding("backups", "ok", f"They are encrypted for {keys_in_words(len(keys))}.")


def disk(folder: Path, usage: tuple[int, int, int]) -> Finding:
    """Check the free space. `usage`: total, used and free bytes."""
    total, _, free = usage
    sentence = f"{free / 1e9:.1f} GB of {total / 1e9:.0f} GB are free on the disk of {folder}."
    if free < _LEAST_FREE or free < _LEAST_FREE_SHARE * total:
        return Finding("disk", "warning", sentence, "Free some space, or set `keep` in [store] to delete old states.")
    return Finding("disk", "ok", sentence)


def _existing(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    return next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
