"""The server: ingest, store and analytics in one process, because DuckDB can be written by one process only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, Protocol

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest

from analytics.api.context import AnalyticsContext
from analytics.api.metrics import AnalyticsCollector
from analytics.api.people import PEOPLE_FILE, People
from analytics.api.sessions import Sessions
from analytics.app import build_app
from analytics.comparison.ledger import LEDGER_FILE, Ledger
from analytics.comparison.sender import ComparisonSender
from analytics.cycle import Analytics
from analytics.executors import Executor, open_executor
from analytics.history.newest_states import machine_names
from analytics.policy.calendar_feeds import CalendarFeeds
from analytics.policy.policy import Policy
from analytics.policy.policy_file import PolicyFile
from analytics.publishing.alert_webhook import alert_webhook
from analytics.publishing.alerts import Alert
from analytics.publishing.platform_client import HttpSharingPlatform, PlatformUnavailableError
from analytics.publishing.publications import Publications
from analytics.publishing.publisher import Publisher
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from analytics.summaries.writer import SummaryWriter
from ingest.gateways import GatewayWatch
from ingest.health import IngestHealth
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from sign_in.passkeys import relying_party
from stores import Point, StateStore, StoreRefusedError, StoreUnavailableError
from stores.configuration import open_points, open_store, read_secret
from telemetry import Clock, ShiftedClock, SystemClock, UserError, rfc3339
from telemetry.background import BackgroundTasks
from vrijloop.http_server import serve
from vrijloop.operations.certificate_watch import LOOK_EVERY_S, CertificateWatch
from vrijloop.server_settings import QUARANTINE_FILE, ServerSettings, open_provider

_log = logging.getLogger(__name__)

_LOOK_AT_POLICY_S = 1.0
_DAY_S = 24 * 3600.0
_POLICY_TASK, _EXPIRY_TASK = "following the policy file", "deleting states older than `keep`"
_CERTIFICATE_TASK = "looking when certificates expire"
_COMPARISON_TASK, _COMPARE_EVERY_S = "the comparison with other factories", 5.0


class SupportsClose(Protocol):
    """What is closed when the server stops."""

    def close(self) -> None: ...


def run_server(settings: ServerSettings, policy: Policy, listener: socket, as_of: datetime | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `as_of`: start the clock at this time, to replay a recording. Raises UserError."""
    clock = ShiftedClock(as_of) if as_of is not None else SystemClock()
    with open_executor(settings.forecast.scheduler, settings.forecast.processes) as executor:
        serve(_build(settings, policy, clock, executor), listener)


def _build(settings: ServerSettings, policy: Policy, clock: Clock, executor: Executor) -> FastAPI:
    tokens, provider = _read_tokens(settings, policy), open_provider(settings, clock)
    store = open_store(settings.store, settings.data_dir, clock)
    quarantine = Quarantine(settings.data_dir / QUARANTINE_FILE)
    publications = Publications(settings.data_dir / "publications.sqlite")
    platform = _open_platform(settings)
    state = PublisherState(settings.data_dir / "publisher.sqlite")
    if platform is None and (stands := still_on_a_platform(state, clock.now())):
        _log.warning("%s", stands)
    publisher = Publisher(platform, state, publications, policy, clock, lambda: machine_names(store, policy.factory))
    feeds = CalendarFeeds(policy, settings.data_dir / "calendars")
    analytics = Analytics(store, publisher, state, publications, policy, clock, feeds, executor)
    alerts = settings.alerts
    notify = alert_webhook(alerts.url_file, alerts.secret_file, clock) if alerts is not None else _ignore_alert
    hook = settings.platform.webhook_secret_file if settings.platform is not None else None
    tasks = BackgroundTasks(clock)
    ingest = IngestService(settings.mqtt, store, quarantine, clock, tasks=tasks) if settings.ingest else None
    watch = GatewayWatch(settings.mqtt, policy.factory, clock)
    certificates = CertificateWatch(settings, policy.factory, clock)
    health = IngestHealth(ingest, quarantine, "server", clock) if ingest is not None else None

    def ingest_points() -> list[Point]:
        own = [health.point()] if health is not None else []
        return [*watch.points(store.ledger()), *own, *certificates.points()]

    points = open_points(settings.store)
    summaries = (
        SummaryWriter(store, points, state, publications, policy, clock, ingest_points) if points is not None else None
    )
    service = AnalyticsService(analytics, store, publisher, policy, clock, settings.cycle, notify, summaries, tasks)
    registry = CollectorRegistry()
    registry.register(tasks)
    registry.register(certificates)
    registry.register(AnalyticsCollector(state, lambda: service.result))
    if ingest is not None:
        registry.register(ingest.collector())
        ingest.start()
    watch.start()

    parts: list[SupportsClose] = [publications, state, quarantine, store]
    comparison: ComparisonSender | None = None
    if platform is not None:
        parts.append(platform)
        ledger = Ledger(settings.data_dir / LEDGER_FILE)
        parts.append(ledger)
        comparison = ComparisonSender(platform, ledger, store, lambda: context.policy, clock)
    if points is not None:
        parts.append(points)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        steps = [
            service.run(),
            tasks.repeat(_POLICY_TASK, follow, _LOOK_AT_POLICY_S),
            tasks.repeat(_CERTIFICATE_TASK, partial(asyncio.to_thread, certificates.look), LOOK_EVERY_S),
        ]
        if comparison is not None:
            compare = partial(asyncio.to_thread, comparison.look)
            trouble = (PlatformUnavailableError, StoreUnavailableError)
            steps.append(tasks.repeat(_COMPARISON_TASK, compare, _COMPARE_EVERY_S, *trouble))
        if settings.store.keep is not None:
            expire = partial(_delete_expired, store, settings.store.keep, clock)
            steps.append(tasks.repeat(_EXPIRY_TASK, expire, _DAY_S, StoreUnavailableError, StoreRefusedError))
        running = [asyncio.create_task(step) for step in steps]
        try:
            yield
        finally:
            await _stop(running, ingest, watch, parts)

    people = People(settings.data_dir / PEOPLE_FILE)
    parts.append(people)
    policy_file = PolicyFile(settings.policy, policy)

    async def follow() -> None:
        await _follow_policy(policy_file, context, service)

    context = AnalyticsContext(
        store,
        service,
        policy,
        clock,
        tokens,
        lambda: _status(quarantine, ingest, watch, tasks) | {"certificates": certificates.status()},
        lambda: generate_latest(registry).decode("utf-8"),
        state,
        read_secret(hook, "webhook secret") if hook is not None else None,
        lambda: _write_backup(store, settings.data_dir, clock),
        publications.of_machine,
        people=people,
        has_platform=platform is not None,
        party=relying_party(settings.public_url),
        notice=settings.notice,
        sessions=Sessions(settings.lock_after),
        provider=provider,
        catena_x=settings.catena_x,
        comparison=comparison,
    )
    return build_app(context, lifespan)


def _open_platform(settings: ServerSettings) -> HttpSharingPlatform | None:
    """Raises UserError."""
    table = settings.platform
    if table is None:
        return None
    return HttpSharingPlatform(table.url, read_secret(table.token_file, "platform token"))


def still_on_a_platform(state: PublisherState, now: datetime) -> str:
    """What a platform still shows that this server no longer knows; empty where there is nothing."""
    wanted = state.wanted()
    offers = sum(slot.end > now for slot in wanted.slots) if wanted is not None else 0
    bookings = sum(one.end > now for one in state.bookings())
    if not offers and not bookings:
        return ""
    return (
        f"There is no [platform] any more, but one still shows {offers} offers and {bookings} bookings of this factory, which this server can no longer "
        "change. Write [platform] again, turn on the kill switch, and leave [platform] out once nothing is booked."
    )


def _read_tokens(settings: ServerSettings, policy: Policy) -> dict[str, str]:
    """The API token of every factory. Raises UserError if one cannot be read, or two are the same."""
    tokens = {policy.factory: read_secret(settings.token_file, "server token")}
    tokens |= {factory: read_secret(path, f"token of {factory}") for factory, path in settings.tokens.items()}
    if len(set(tokens.values())) < len(tokens):
        raise UserError("two factories have the same token; each would see the other's machines.")
    return tokens


async def _stop(
    running: Sequence[asyncio.Task[None]],
    ingest: IngestService | None,
    watch: GatewayWatch,
    parts: Iterable[SupportsClose],
) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    # Ingest first: the reports it holds are stored and acknowledged before the store closes.
    if ingest is not None:
        await asyncio.to_thread(ingest.stop)
    await asyncio.to_thread(watch.stop)
    for part in parts:
        part.close()


def _write_backup(store: StateStore, data_dir: Path, clock: Clock) -> dict[str, Any]:
    # It knows the platform's database, too, whose libraries the server does without.
    from vrijloop.operations.backup import back_up

    file = data_dir / "backup.tar"
    return {"file": str(file.resolve()), "states": back_up(file, clock.now(), store, data_dir, None)}


def _status(
    quarantine: Quarantine, ingest: IngestService | None, watch: GatewayWatch, tasks: BackgroundTasks
) -> dict[str, Any]:
    gateways = [{**asdict(gateway), "at": rfc3339(gateway.at)} for gateway in watch.gateways()]
    failing = [{"task": one.task, "why": one.why, "since": rfc3339(one.since)} for one in tasks.failing()]
    status = {"quarantined": quarantine.count(), "gateways_now": gateways, "failing_tasks": failing}
    if ingest is None:
        return status
    return status | {
        "broker_connected": ingest.connected,
        "failing": ingest.counters.failing,
        "since_start": ingest.counters.as_dict(),
    }


async def _follow_policy(file: PolicyFile, context: AnalyticsContext, service: AnalyticsService) -> None:
    """Take over what changes in the policy file. Where it cannot be used, the former policy goes on, and log and control room say why."""
    if await asyncio.to_thread(file.look):
        context.policy_problem = file.problem
        if file.problem is not None:
            _log.error("The changed policy cannot be used, and the former one goes on:\n%s", file.problem)
            return
        _log.info("The policy file has changed and is used from now on.")
    # Not only when it has just changed: what failed here is tried again.
    if file.problem is None and file.policy is not context.policy:
        await service.use_policy(file.policy)
        context.policy = file.policy


def _ignore_alert(_: Alert, __: str) -> None:
    """Without a webhook, alerts are only in the log and at `/api/v1/alerts`."""


async def _delete_expired(store: StateStore, keep: timedelta, clock: Clock) -> None:
    await asyncio.to_thread(store.delete_before, clock.now() - keep)
