"""Puts the platform together: database, domains, events between them, middleware, error responses, and the background threads."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles

from sharing_platform.agreements import api as agreements_api
from sharing_platform.agreements import document_pages, proposal_pages, proposals_api
from sharing_platform.agreements import pages as agreement_pages
from sharing_platform.attachments.contents import ACCEPTED
from sharing_platform.bookings import api as bookings_api
from sharing_platform.bookings import (
    calendar_pages,
    confirmation_api,
    confirmation_pages,
    feeds_api,
    reviews_api,
    waiting_api,
    waiting_pages,
)
from sharing_platform.bookings import handlers as booking_handlers
from sharing_platform.bookings import pages as booking_pages
from sharing_platform.bookings.events import CalendarRequested
from sharing_platform.bookings.notifier import BookingNotifier
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.bounds import Bounds
from sharing_platform.certificates import api as certificates_api
from sharing_platform.certificates import pages as certificates_pages
from sharing_platform.comparison import api as comparison_api
from sharing_platform.comparison import pages as comparison_pages
from sharing_platform.comparison.service import forget_refused
from sharing_platform.database import AT_WORK, Now, open_database
from sharing_platform.dependencies import ZONE, PlatformContext
from sharing_platform.error_responses import add_error_handlers, internal_error, refusal
from sharing_platform.events import Events
from sharing_platform.federation import api as federation_api
from sharing_platform.federation import handlers as federation_handlers
from sharing_platform.federation import pages as neighbour_pages
from sharing_platform.federation import region_pages as neighbours_region_pages
from sharing_platform.federation.found import FoundInNeighbours
from sharing_platform.federation.transport import Ask, nobody
from sharing_platform.geography import place_name
from sharing_platform.identity_providers import IdentityProvider
from sharing_platform.industry_formats import api as industry_formats_api
from sharing_platform.learning import api as learning_api
from sharing_platform.learning import files_api as learning_files_api
from sharing_platform.learning import files_pages as learning_files_pages
from sharing_platform.learning import handlers as learning_handlers
from sharing_platform.learning import pages as learning_pages
from sharing_platform.learning import step_pages as learning_step_pages
from sharing_platform.listings import api as listings_api
from sharing_platform.listings import pages as listing_pages
from sharing_platform.listings import picture_pages as listing_picture_pages
from sharing_platform.listings import pictures_api as listing_pictures_api
from sharing_platform.live_updates import LiveUpdates
from sharing_platform.machines import api as machines_api
from sharing_platform.machines import (
    compare_pages,
    factory_pages,
    live_pages,
    own_hours_pages,
    picture_pages,
    search_pages,
)
from sharing_platform.machines import pages as machine_pages
from sharing_platform.machines import pictures_api as machine_pictures_api
from sharing_platform.machines.events import OfferWithdrawn
from sharing_platform.machines.hours_row import WORDING
from sharing_platform.machines.index import machine_index
from sharing_platform.machines.offers import withdraw_all
from sharing_platform.machines.shared_pages import SharedPages
from sharing_platform.machines.windows import quarter_of
from sharing_platform.middleware import RequestMiddleware
from sharing_platform.moderation import api as moderation_api
from sharing_platform.moderation import handlers as moderation_handlers
from sharing_platform.moderation import pages as moderation_pages
from sharing_platform.moderation.kinds import can_be_reported
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.delivery import Channels, PostWebhook
from sharing_platform.notifications.mail import Mailer
from sharing_platform.notifications.webhooks import HTTPS
from sharing_platform.openapi import describe, routes_of
from sharing_platform.organisations import (
    accounts_api,
    identities_api,
    identity_pages,
    passkey_pages,
    passkeys_api,
    settings_api,
    settings_pages,
    webhooks_api,
)
from sharing_platform.organisations import api as organisations_api
from sharing_platform.organisations import pages as account_pages
from sharing_platform.organisations.accounts import SESSION_LIFE
from sharing_platform.organisations.dependencies import security_of, visitor
from sharing_platform.organisations.directory import ensure_configured
from sharing_platform.organisations.events import (
    AccountErasing,
    MemberRemoved,
    OrganisationChanged,
    OrganisationRefused,
    PersonalDataRequested,
)
from sharing_platform.organisations.first_people import invite_owners
from sharing_platform.organisations.identity_service import warn_of_strangers
from sharing_platform.organisations.sign_up import SignUp
from sharing_platform.overview import application_pages, organisation_pages
from sharing_platform.overview import pages as overview_pages
from sharing_platform.pages import TEMPLATES
from sharing_platform.process_plans import api as process_plans_api
from sharing_platform.process_plans import pages as process_plans_pages
from sharing_platform.region import api as region_api
from sharing_platform.region import export_pages, report_api, report_pages, site_api, site_pages
from sharing_platform.region import pages as region_pages
from sharing_platform.regional_statistics import api as figures_api
from sharing_platform.regional_statistics import pages as figures_pages
from sharing_platform.regional_statistics.searches import SearchCounter
from sharing_platform.regional_statistics.view import ViewCache
from sharing_platform.route_groups import grouped
from sharing_platform.scheduler import start_background_threads
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.index import mark_index_changed
from sharing_platform.search.vocabulary import PROCESSES, material_name, picture_of, process_name
from sharing_platform.self_assessment import api as self_assessment_api
from sharing_platform.self_assessment import pages as self_assessment_pages
from sharing_platform.styleguide import pages as styleguide_pages
from sharing_platform.unified_search import api as unified_search_api
from sharing_platform.unified_search import pages as unified_search_pages
from sharing_platform.virus_scanner import VirusScanner
from sharing_platform.wanted import api as wanted_api
from sharing_platform.wanted import handlers as wanted_handlers
from sharing_platform.wanted import pages as wanted_pages

ROUTERS = (
    machines_api.offers_router,
    bookings_api.offer_requests,
    machines_api.machines_router,
    machine_pictures_api.router,
    industry_formats_api.router,
    bookings_api.router,
    agreements_api.router,
    proposals_api.router,
    document_pages.router,
    confirmation_api.router,
    listings_api.router,
    listing_pictures_api.router,
    bookings_api.listing_requests,
    waiting_api.router,
    wanted_api.router,
    learning_api.router,
    learning_api.region_router,
    learning_files_api.router,
    unified_search_api.router,
    certificates_api.router,
    process_plans_api.router,
    self_assessment_api.router,
    accounts_api.router,
    settings_api.router,
    passkeys_api.router,
    identities_api.router,
    organisations_api.router,
    region_api.router,
    figures_api.router,
    comparison_api.router,
    federation_api.router,
    moderation_api.router,
    report_api.router,
    site_api.router,
    webhooks_api.router,
    feeds_api.router,
    reviews_api.router,
    feeds_api.feed_router,
    search_pages.router,
    compare_pages.router,
    machine_pages.router,
    own_hours_pages.router,
    picture_pages.router,
    factory_pages.router,
    live_pages.router,
    listing_pages.router,
    listing_picture_pages.router,
    wanted_pages.router,
    learning_pages.router,
    learning_step_pages.router,
    learning_files_pages.router,
    unified_search_pages.router,
    neighbour_pages.router,
    certificates_pages.router,
    process_plans_pages.router,
    self_assessment_pages.router,
    account_pages.router,
    settings_pages.router,
    passkey_pages.router,
    identity_pages.router,
    overview_pages.router,
    booking_pages.router,
    waiting_pages.router,
    agreement_pages.router,
    calendar_pages.router,
    proposal_pages.router,
    confirmation_pages.router,
    organisation_pages.router,
    application_pages.router,
    figures_pages.router,
    comparison_pages.router,
    region_pages.router,
    neighbours_region_pages.router,
    export_pages.router,
    moderation_pages.router,
    report_pages.router,
    site_pages.router,
    styleguide_pages.router,
)
"""All routes but those of static files and of the OpenAPI description, in the order in which the description lists them."""

_ROUTES = grouped(routes_of(ROUTERS))

_TAKES_FILES = re.compile(
    r"/(offers|listings)/[^/]+|(/api/v1)?/(machines/[^/]+/[^/]+|(listings|learning)/[^/]+)/pictures|(/api/v1)?/learning/[^/]+/files|(/api/v1)?/bookings/[^/]+/(messages|attachments)"
)
"""The paths to which files are sent."""

TEMPLATES.env.globals.update(
    WORDING,
    accepted_files=ACCEPTED,
    can_be_reported=can_be_reported,
    picture_of=picture_of,
    process_name=process_name,
    processes=PROCESSES,
)
TEMPLATES.env.filters.update(as_decimal=Decimal, material_name=material_name, place_name=place_name)


def no_webhooks(*_: object) -> str | None:
    """Posts nothing: for a platform without webhooks."""
    return "webhooks are not set up"


@dataclass(frozen=True)
class PlatformSettings:
    """`tokens`: factory to bearer token; `webhooks`: factory to (url, secret). `url`: the platform's public address, for links.
    `owners`: factory to the e-mail address of its first user, who is invited while the factory has nobody.
    `mailer` None: e-mails wait. `private_webhooks`: organisations may name addresses of private networks (demo and tests).
    `webhook_ports`: those that webhooks of organisations may name.
    `scanner`: for files that people attach, None: they are not scanned; `attachment_days`: how long those are kept after their booking has ended.
    `lock_after`: so long without use, people have to sign in again.
    `ask_neighbour`: sends what goes to platforms of neighbouring regions.
    `security_contact`: the URI at which vulnerabilities are reported, beside the contact page.
    `scheduler_interval_s`: seconds between two runs of the background threads."""

    database_url: str
    tokens: Mapping[str, str]
    zone: str = ZONE
    url: str = "http://127.0.0.1:8340"
    webhooks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    mailer: Mailer | None = None
    sender: str = "vrijloop@localhost"
    post: PostWebhook = no_webhooks
    private_webhooks: bool = False
    webhook_ports: frozenset[int] = frozenset({HTTPS})
    scheduler_interval_s: float = 2.0
    bounds: Bounds = field(default_factory=Bounds)
    identity_providers: tuple[IdentityProvider, ...] = ()
    scanner: VirusScanner | None = None
    attachment_days: int = 90
    lock_after: timedelta = SESSION_LIFE
    security_contact: str = ""
    ask_neighbour: Ask = nobody


def create_app(settings: PlatformSettings, now: Now) -> FastAPI:
    """Raises DatabaseError where the database cannot be opened."""
    url = settings.url.rstrip("/")
    sessions = open_database(settings.database_url)
    with sessions.begin() as session:
        ensure_configured(session, {*settings.tokens, *settings.webhooks, *settings.owners}, now())
        session.flush()
        invite_owners(session, SignUp(url, settings.zone), settings.owners, now())
        webhooks.configure(session, settings.webhooks, now())
        warn_of_strangers(session, settings.identity_providers)
    channels = Channels(
        settings.mailer, settings.sender, settings.post, settings.private_webhooks, settings.webhook_ports, url
    )
    index = machine_index()
    wakers: list[Callable[[], None]] = []

    def wake_workers() -> None:
        for wake in wakers:
            wake()

    context = PlatformContext(
        sessions=sessions,
        now=now,
        live=LiveUpdates(quarter_of(now()), settings.bounds),
        tokens=settings.tokens,
        zone=settings.zone,
        url=url,
        private_webhooks=settings.private_webhooks,
        webhook_ports=settings.webhook_ports,
        wake_workers=wake_workers,
        bounds=settings.bounds,
        visitor=visitor,
        events=_events(
            BookingNotifier(url, settings.zone, settings.sender),
            SearchCounter(sessions, settings.zone),
            learning_handlers.LearningHandlers(settings.zone, url, now),
        ),
        occupancy=BookedHours(),
        identity_providers=settings.identity_providers,
        sender=settings.sender,
        scanner=settings.scanner,
        attachment_days=settings.attachment_days,
        lock_after=settings.lock_after,
        security_contact=settings.security_contact,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = AT_WORK
        threads = start_background_threads(
            context, index, channels, timedelta(seconds=settings.scheduler_interval_s), settings.ask_neighbour
        )
        wakers.append(threads.wake)
        try:
            yield
        finally:
            threads.stop()

    app = FastAPI(
        title="Vrijloop sharing platform",
        version="1",
        description="Spare machine hours of a region's factories, and what else they share: found, asked for, booked.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        routes=_ROUTES,
    )
    app.state.context = context
    app.state.machine_index = index
    app.state.shared_pages = SharedPages()
    app.state.neighbour_search = FoundInNeighbours()
    app.state.region_views = ViewCache()
    # Of pages and API answers nothing is compressed: their length could tell a stranger on the line what stands in them (BREACH).
    app.mount(
        "/static",
        GZipMiddleware(StaticFiles(directory=Path(__file__).parent / "static", packages=[("sign_in", "static")]), 500),
        name="static",
    )
    add_error_handlers(app)
    app.openapi = cache(lambda: describe(app, ROUTERS, context.cookie, security_of))  # type: ignore[method-assign]  # FastAPI's own way to extend it
    app.add_middleware(
        RequestMiddleware,
        url=settings.url,
        refuse=refusal(403, "other_site"),
        too_long=refusal(413, "too_long"),
        unreadable=refusal(400, "request"),
        broken=internal_error,
        takes_files=lambda path: _TAKES_FILES.fullmatch(path) is not None,
    )
    return app


def _events(notify: BookingNotifier, searches: SearchCounter, learning: learning_handlers.LearningHandlers) -> Events:
    """The subscriptions of each domain to events of the domains below it."""
    events = Events()
    bookings = booking_handlers.BookingHandlers(notify)

    def withdraw_offers(event: OrganisationRefused) -> None:
        withdraw_all(event.session, event.organisation.id, BookedHours(), events, event.now)

    events.subscribe(OfferWithdrawn, bookings.withdraw_requests)
    events.subscribe(SearchFoundNothing, searches.count)
    events.subscribe(OrganisationRefused, withdraw_offers)
    events.subscribe(OrganisationRefused, bookings.end_requests)
    events.subscribe(OrganisationRefused, forget_refused)
    events.subscribe(OrganisationRefused, learning.withdraw_everything)
    events.subscribe(CalendarRequested, learning_handlers.add_to_calendar)
    events.subscribe(OrganisationRefused, federation_handlers.cancel_requests)
    events.subscribe(OrganisationChanged, lambda event: mark_index_changed(event.session))
    events.subscribe(MemberRemoved, learning.member_removed)
    events.subscribe(AccountErasing, learning.erase_person)
    events.subscribe(PersonalDataRequested, learning_handlers.export_person)
    for domain in (booking_handlers, wanted_handlers, moderation_handlers, federation_handlers):
        events.subscribe(AccountErasing, domain.erase_person)
        events.subscribe(PersonalDataRequested, domain.export_person)
    return events
