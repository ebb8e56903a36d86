"""What the platform does by itself: steps of bookings that are due, matching, deliveries, and deleting what has expired."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from sharing_platform.agreements.retention import delete_due_files
from sharing_platform.bookings import proposals, reminders, transitions, waiting_list
from sharing_platform.bookings.models import Booking, WaitingPlace
from sharing_platform.bookings.notifier import BookingNotifier
from sharing_platform.database import UNAVAILABLE, message_of, read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.federation.exchange import Exchange
from sharing_platform.federation.feed import FeedWriter
from sharing_platform.federation.sharing import Sharer
from sharing_platform.federation.transport import Ask
from sharing_platform.learning import interests, meetings
from sharing_platform.learning.files import files_kept
from sharing_platform.machines.index import MachineIndex
from sharing_platform.machines.windows import quarter_of
from sharing_platform.moderation import notices
from sharing_platform.moderation.booking_kinds import files_under_review
from sharing_platform.moderation.handlers import forget_reporters
from sharing_platform.notifications import digests
from sharing_platform.notifications.delivery import Channels, DeliveryWorker, forget_delivered
from sharing_platform.organisations import applications
from sharing_platform.organisations.mailed_links import LINKS_KEPT
from sharing_platform.organisations.models import (
    Account,
    IdentityAttempt,
    Invitation,
    KnownDevice,
    MailedLink,
    PasskeyChallenge,
    WebSession,
)
from sharing_platform.organisations.rate_limits import forget_old
from sharing_platform.organisations.sign_up import SignUp
from sharing_platform.regional_statistics import service as summaries
from sharing_platform.regional_statistics.publication import publish_due
from sharing_platform.self_assessment import goal_reminders
from sharing_platform.wanted import matching
from sharing_platform.wanted.models import Search

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_PORTION = 500
MATCH_EVERY = timedelta(seconds=30)
_FORGET_EVERY = timedelta(hours=1)
_SUMMARISE_EVERY = timedelta(minutes=10)
_MOST_WEEKS = 4
"""That are published at a time, after the platform was away or is new."""


class PeriodicThread:
    """Calls a function periodically in a thread until it is stopped, for the first time after `first_s`. A failure is logged once and the call is
    tried again."""

    def __init__(self, name: str, step: Callable[[], None], every_s: float, first_s: float) -> None:
        self._step = step
        self._every_s = every_s
        self._first_s = first_s
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Run now instead of waiting for the interval."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        failed = False
        self._woken.wait(self._first_s)
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self._step()
                if failed:
                    _log.info("%s goes on.", self._thread.name)
                failed = False
            except UNAVAILABLE as error:
                if not failed:
                    _log.error("%s waits for the database: %s.", self._thread.name, message_of(error))
                failed = True
            except Exception:  # noqa: BLE001 - a clockwork that stops because of one bad row would be worse
                if not failed:
                    _log.exception("%s failed; it will be tried again.", self._thread.name)
                failed = True
            self._woken.wait(self._every_s)


class ScheduledJobs:
    """The jobs themselves. Tests call `tick` directly."""

    def __init__(self, context: PlatformContext, index: MachineIndex, match_every: timedelta = MATCH_EVERY) -> None:
        self._context = context
        self._index = index
        self._notify = BookingNotifier(context.url, context.zone, context.sender)
        self._match_every = match_every
        self._matched: datetime | None = None
        self._forgot: datetime | None = None
        self._ticking = threading.Lock()

    def tick(self) -> None:
        with self._ticking:
            now = self._context.now()
            self._context.live.publish_quarter(quarter_of(now))
            self._advance(now)
            self._remind(now)
            self._announce(now)
            self._send_digests(now)
            if self._matched is None or now - self._matched >= self._match_every:
                self._matched = now
                self._match(now)
            if self._forgot is None or now - self._forgot >= _FORGET_EVERY:
                self._forgot = now
                self._forget(now)

    def _advance(self, now: datetime) -> None:
        due = select(Booking.id).where(Booking.due <= now).order_by(Booking.due).limit(_PORTION)
        moved = self._each(due, lambda session, booking: transitions.advance(session, booking, now, self._notify))
        self._each(proposals.overdue(now), lambda session, proposal: proposals.expire(session, proposal, now))
        if any(moved):
            self._context.live.publish("offers", *(one for both in moved for one in both))
            self._context.wake_workers()

    def _remind(self, now: datetime) -> None:
        context = self._context
        reminded = self._each(
            reminders.due(now), lambda session, booking: reminders.remind(session, booking, now, context)
        )
        if reminded:
            context.wake_workers()

    def _announce(self, now: datetime) -> None:
        with read_session(self._context.sessions) as session:
            if not applications.due(session, now) and not notices.due(session, now):
                return
        url, zone = self._context.url, self._context.zone
        with self._context.sessions.begin() as session:
            announced = applications.announce(session, SignUp(url, zone), now)
            reported = notices.announce(session, url, zone, now)
        if announced or reported:
            self._context.wake_workers()

    def _send_digests(self, now: datetime) -> None:
        zone = self._context.zone
        with read_session(self._context.sessions) as session:
            due = digests.due_accounts(session, zone, now)
        for account_id in due:
            with self._context.sessions.begin() as session:
                digests.send(session, session.get_one(Account, account_id, with_for_update=True), zone, now)
        if due:
            self._context.wake_workers()

    def _match(self, now: datetime) -> None:
        context = self._context

        def match(session: Session, search_id: str) -> int:
            # Processes that look for matches of one search at the same moment take turns.
            search = session.get_one(Search, search_id, with_for_update=True)
            return matching.match_one(session, self._index, search, now, context.zone, context.url)

        waited_for = select(WaitingPlace.listing_id).where(WaitingPlace.state.in_(waiting_list.LIVE_STATES)).distinct()

        def keep(session: Session, listing_id: str) -> int:
            return waiting_list.advance(session, listing_id, now, context.zone, context.url)

        if any(self._each(waited_for, keep)):
            context.wake_workers()
        if any(self._each(matching.to_match(), match)):
            context.wake_workers()
        if any(
            self._each(goal_reminders.due(now), lambda session, key: goal_reminders.remind(session, key, now, context))
        ):
            context.wake_workers()

        def remind(session: Session, post_id: str) -> bool:
            return meetings.remind(session, post_id, now, context.zone, context.url)

        def announce(session: Session, post_id: str) -> bool:
            return interests.announce(session, post_id, now, context.zone, context.url)

        with read_session(context.sessions) as session:
            wanted = interests.due(session, now)
        if any([*self._each(meetings.due(now), remind), *self._each(wanted, announce)]):
            context.wake_workers()

    def _each(self, which: Select[str], step: Callable[[Session, str], _T]) -> list[_T]:
        """Process each id in its own transaction. A failure is logged and does not affect the others."""
        with read_session(self._context.sessions) as session:
            ids = list(session.scalars(which))
        done = []
        for identifier in ids:
            try:
                with self._context.sessions.begin() as session:
                    done.append(step(session, identifier))
            except UNAVAILABLE:
                raise  # the database is unavailable for the others, too
            except Exception:  # noqa: BLE001 - one bad row must not stop what all others wait for
                _log.exception("%s could not be brought forward.", identifier)
        return done

    def _forget(self, now: datetime) -> None:
        kept = timedelta(days=self._context.attachment_days)
        with self._context.sessions.begin() as session:
            session.execute(delete(MailedLink).where(MailedLink.expires <= now - LINKS_KEPT))
            for table in (WebSession, KnownDevice, Invitation, PasskeyChallenge, IdentityAttempt):
                session.execute(delete(table).where(table.expires <= now))
            forget_old(session, now)
            forget_delivered(session, now)
            delete_due_files(session, now, kept, (files_under_review(), files_kept()))
            forget_reporters(session, now)
            meetings.forget(session, now)


class RegionalFigures:
    """Brings the region's summaries up to date and publishes the weeks that are over. A week can take a second, and the first time there are years of them."""

    def __init__(self, context: PlatformContext, stopping: Callable[[], bool]) -> None:
        self._context = context
        self._stopping = stopping

    def run(self) -> None:
        sessions, now, zone = self._context.sessions, self._context.now(), self._context.zone
        summaries.update(sessions, now, zone, self._stopping)
        for _ in range(_MOST_WEEKS):
            if self._stopping():
                return
            with sessions.begin() as session:
                if not publish_due(session, now, zone):
                    return


@dataclass(frozen=True)
class BackgroundThreads:
    """One thread for jobs, one for deliveries, so that a slow mail server delays no booking, one for the region's figures, for which nobody waits, and one for the platforms of
    neighbouring regions."""

    jobs: PeriodicThread
    deliveries: PeriodicThread
    figures: PeriodicThread
    neighbours: PeriodicThread
    exchange: Exchange
    stopping: threading.Event

    def wake(self) -> None:
        """Deliver now. Jobs go by the time, whatever has just been written: a dozen queries after every change would find nothing to do."""
        self.deliveries.wake()

    def stop(self) -> None:
        self.stopping.set()
        for thread in (self.jobs, self.deliveries, self.figures, self.neighbours):
            thread.stop()
        self.exchange.stop()


def start_background_threads(
    context: PlatformContext, index: MachineIndex, channels: Channels, every: timedelta, ask_neighbour: Ask
) -> BackgroundThreads:
    stopping = threading.Event()
    jobs, worker = ScheduledJobs(context, index), DeliveryWorker(context.sessions, context.now, channels)
    figures = RegionalFigures(context, stopping.is_set)
    feed = FeedWriter(context.sessions, context.now, Sharer(index, context.occupancy))
    exchange = Exchange(context, feed, ask_neighbour, stopping.is_set)
    seconds = every.total_seconds()
    running = BackgroundThreads(
        PeriodicThread("platform-scheduler", jobs.tick, seconds, first_s=seconds),
        PeriodicThread("platform-delivery", worker.deliver_due, seconds, first_s=0),
        PeriodicThread("platform-figures", figures.run, _SUMMARISE_EVERY.total_seconds(), first_s=seconds),
        PeriodicThread("platform-neighbours", exchange.run, seconds, first_s=seconds),
        exchange,
        stopping,
    )
    running.jobs.start()
    running.deliveries.start()
    running.figures.start()
    running.neighbours.start()
    return running
