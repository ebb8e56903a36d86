"""Runs the sharing platform, creates its first administrator, and migrates its tables.

The application is imported where it runs: the one-off commands need a fraction of it, and start in half the time without.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy.orm import Session, sessionmaker

from analytics.publishing.webhooks import post_signed
from sharing_platform.bounds import Bounds
from sharing_platform.database import DatabaseError, open_database, revision_of
from sharing_platform.dependencies import ZONE
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.identity_providers import IdentityProvider, ProvidersFile
from sharing_platform.notifications.mail import FolderMailer, Mailer, SmtpMailer
from sharing_platform.notifications.signed_links import begin_new_key
from sharing_platform.notifications.webhooks import HTTPS
from sharing_platform.organisations.administrator import make_administrator
from sharing_platform.organisations.directory import all_organisations
from sharing_platform.organisations.first_people import invite_person
from sharing_platform.organisations.schemas import MemberIn
from sharing_platform.organisations.sign_up import SignUp
from sharing_platform.schemas import Email
from sharing_platform.virus_scanner import ClamdScanner
from sign_in.settings import SecretError, read_client_secret
from telemetry import Name, SystemClock, UserError, load_settings, parse_duration
from telemetry.clock import Clock
from vrijloop.neighbours import ask_neighbour

_log = logging.getLogger(__name__)


class WebhookTarget(BaseModel):
    """The `/api/v1/hooks/bookings` URL of a factory's server, and the secret it shares with the platform."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://\S+$")
    secret: str = Field(min_length=16)


_TARGETS = TypeAdapter(dict[Name, WebhookTarget])
_FACTORY, _EMAIL = TypeAdapter[str](Name), TypeAdapter[str](Email)
_SHOWN = 20


@dataclass(frozen=True)
class PlatformOptions:
    """Options of the command. `mail`: a folder, or `smtp://user@host:port`, whose password is in
    `mail_password_file`."""

    database: str
    tokens_file: Path | None = None
    webhooks_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8340
    url: str | None = None
    mail: str | None = None
    mail_from: str = "vrijloop@localhost"
    mail_password_file: Path | None = None
    private_webhooks: bool = False
    bounds_file: Path | None = None
    webhook_ports: tuple[int, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    identity_providers_file: Path | None = None
    clamd: str | None = None
    attachment_days: int = 90
    lock_after: timedelta = timedelta(days=14)
    security_contact: str = ""

    @property
    def public_url(self) -> str:
        """Where browsers reach the platform, without a trailing slash."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")


def run_platform(
    options: PlatformOptions, clock: Clock | None = None, extend: Callable[[FastAPI], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. `extend` adds what is no part of the platform. Raises UserError."""
    from vrijloop.http_server import listen_on, serve

    clock = clock or SystemClock()
    listener = listen_on(options.host, options.port)
    port = listener.getsockname()[1]
    targets = read_targets(options.webhooks_file) if options.webhooks_file is not None else {}
    tokens = read_tokens(options.tokens_file) if options.tokens_file is not None else {}
    # What is wrong in address and files is said at once: the application takes a second to load.
    from sharing_platform.app import PlatformSettings, create_app

    settings = PlatformSettings(
        options.database,
        tokens,
        url=options.url or f"http://{options.host}:{port}",
        webhooks={factory: (target.url, target.secret) for factory, target in targets.items()},
        owners=options.owners,
        mailer=_mailer(options),
        sender=options.mail_from,
        post=post_signed,
        private_webhooks=options.private_webhooks,
        webhook_ports=frozenset({HTTPS, *options.webhook_ports}),
        bounds=load_settings(options.bounds_file, Bounds) if options.bounds_file is not None else Bounds(),
        identity_providers=read_identity_providers(options.identity_providers_file),
        scanner=read_scanner(options.clamd) if options.clamd else None,
        attachment_days=options.attachment_days,
        lock_after=options.lock_after,
        security_contact=options.security_contact,
        ask_neighbour=ask_neighbour,
    )
    try:
        app = create_app(settings, clock.now)
    except DatabaseError as error:
        raise UserError(str(error)) from error
    if extend is not None:
        extend(app)
    if settings.url.startswith("https://") and not options.trusted_proxies:
        _log.warning(
            "--trusted-proxy is not set: to the bounds per address, everybody who comes through the proxy in front is one visitor."
        )
    serve(app, listener, options.trusted_proxies)


def read_proxies(given: str) -> tuple[str, ...]:
    """Addresses or networks with commas between, or `*`. Raises UserError."""
    proxies = tuple(one.strip() for one in given.split(",") if one.strip())
    for one in proxies:
        try:
            if one != "*":
                ipaddress.ip_network(one)
        except ValueError:
            raise UserError(
                f"--trusted-proxy: {one!r} is neither an address nor a network such as 10.0.0.0/24."
            ) from None
    return proxies


def read_scanner(given: str) -> ClamdScanner:
    """The socket of ClamAV's daemon: a path, or HOST:PORT. Raises UserError."""
    if given.startswith("/"):
        return ClamdScanner(given)
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(
            f"--clamd: {given!r} is neither the path of a socket, such as /run/clamav/clamd.ctl, nor HOST:PORT."
        )
    return ClamdScanner((host.strip("[]"), int(port)))


def read_security_contact(given: str) -> str:
    """An e-mail address or an https URL, as a URI; empty for none. Raises UserError."""
    if not given or (given.startswith("https://") and not given.split("//", 1)[1].startswith("/") and " " not in given):
        return given
    try:
        return f"mailto:{_EMAIL.validate_python(given.removeprefix('mailto:'))}"
    except ValidationError:
        raise UserError(
            f"--security-contact: {given!r} is neither an e-mail address nor a page such as https://vrijloop.example/security."
        ) from None


def read_owners(given: str) -> dict[str, str]:
    """`factory=address` with commas between. Raises UserError."""
    owners: dict[str, str] = {}
    for one in (part.strip() for part in given.split(",") if part.strip()):
        factory, _, email = (part.strip() for part in one.partition("="))
        try:
            owners[_FACTORY.validate_python(factory)] = _EMAIL.validate_python(email)
        except ValidationError:
            raise UserError(
                f"--owners: {one!r} is not a factory and an e-mail address; write genk=eva@genk.example."
            ) from None
    return owners


def read_ports(given: str) -> tuple[int, ...]:
    """Ports with commas between. Raises UserError."""
    parts = [one.strip() for one in given.split(",") if one.strip()]
    if not all(one.isdigit() and 0 < int(one) < 65536 for one in parts):
        raise UserError(f"--webhook-ports: {given!r} are not ports; write, for instance, 8443,9443.")
    return tuple(int(one) for one in parts)


def read_lock(given: str) -> timedelta:
    """So long without use, sessions end. Raises UserError."""
    try:
        found = parse_duration(given)
    except ValueError:
        found = timedelta(0)
    if not timedelta(minutes=5) <= found <= timedelta(days=14):
        raise UserError(f"--lock-after: {given!r} is no time from 5min to 14d.")
    return found


def read_tokens(path: Path) -> dict[str, str]:
    """Read a JSON object of tokens by factory. Raises UserError."""
    try:
        tokens = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: the tokens cannot be read ({error}).") from error
    long_enough = isinstance(tokens, dict) and all(
        isinstance(token, str) and len(token) >= 16 for token in tokens.values()
    )
    if not long_enough:
        raise UserError(f'{path}: write {{"factory": "token of at least 16 characters"}}.')
    return {str(factory): str(token) for factory, token in tokens.items()}


def read_targets(path: Path) -> dict[str, WebhookTarget]:
    """Read a JSON object of {"url", "secret"} by factory. Raises UserError, whose message contains no secret."""
    try:
        return _TARGETS.validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        place = ".".join(str(step) for step in wrong["loc"])
        raise UserError(f"{path}: {place}: {wrong['msg']}.") from None


def read_identity_providers(path: Path | None) -> tuple[IdentityProvider, ...]:
    """The identity providers of organisations, with their secrets, which lie in files beside `path`. Raises UserError, whose message contains no secret."""
    if path is None:
        return ()
    found = []
    for one in load_settings(path, ProvidersFile).provider:
        file = path.parent / one.client_secret_file
        try:
            secret = read_client_secret(file)
        except SecretError as error:
            raise UserError(f"{one.name}: {error}") from error
        found.append(IdentityProvider(one, secret))
    return tuple(found)


def describe_platform(folder: Path) -> Path:
    """Write the OpenAPI description of the platform. Returns its path."""
    from sharing_platform.app import PlatformSettings, create_app

    app = create_app(PlatformSettings("sqlite://", {}), SystemClock().now)
    path = folder / "platform.openapi.json"
    path.write_text(json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def add_administrator(options: PlatformOptions, email: str, name: str, region: str, clock: Clock | None = None) -> str:
    """Create an administrator of the region. Returns the link with which they choose a password. Raises UserError."""
    sessions = _open(options.database)
    secret = make_administrator(sessions, email, name, region, (clock or SystemClock()).now())
    return f"{options.public_url}/welcome/{secret}"


def invite_to(
    options: PlatformOptions, organisation: str, wanted: MemberIn, send: bool = False, clock: Clock | None = None
) -> str:
    """Invite somebody to an organisation. Returns the link that leads to the invitation; `send` has the platform mail it, too. Raises UserError."""
    sessions = _open(options.database)
    sign_up = SignUp(options.public_url, ZONE)
    try:
        with sessions.begin() as session:
            return invite_person(session, sign_up, organisation, wanted, (clock or SystemClock()).now(), send)
    except NotFoundError:
        with sessions() as session:
            known = ", ".join(one.id for one in all_organisations(session, None, None, _SHOWN))
        raise UserError(
            f"there is no organisation {organisation!r} on this platform. It has {known or 'none yet'}; a factory is there once the platform has started with its token."
        ) from None
    except ConflictError:
        raise UserError(
            f"{wanted.email} is a member of {organisation} already. Who has lost the password chooses another at {options.public_url}/forgotten."
        ) from None


def renew_signing_key(database: str) -> None:
    """Have the platform sign links in e-mails with a new key. It may run meanwhile. Raises UserError."""
    with _open(database).begin() as session:
        begin_new_key(session)


def migrate_platform(database: str) -> tuple[str | None, str | None]:
    """Migrate the tables. Returns the revisions before and after. Raises UserError."""
    try:
        before = revision_of(database)
        open_database(database)
        return before, revision_of(database)
    except DatabaseError as error:
        raise UserError(str(error)) from error


def write_region_report(options: PlatformOptions, year: int, language: str, output: Path) -> None:
    """Raises UserError."""
    from sharing_platform.i18n import Translator
    from sharing_platform.regional_statistics.report_pdf import report_pdf

    try:
        with _open(options.database)() as session:
            content = report_pdf(session, year, Translator(language, ZONE), SystemClock().now(), options.public_url)
    except NotFoundError as error:
        raise UserError(f"Nothing of {year} is published: a week is, seven days after its end.") from error
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.") from error


def rebuild_region(database: str) -> None:
    """Raises UserError."""
    from sharing_platform.regional_statistics.service import rebuild

    with _open(database).begin() as session:
        rebuild(session, SystemClock().now(), ZONE)


def _open(database: str) -> sessionmaker[Session]:
    try:
        return open_database(database)
    except DatabaseError as error:
        raise UserError(str(error)) from error


def _mailer(options: PlatformOptions) -> Mailer | None:
    if options.mail is None:
        return None
    if not options.mail.startswith("smtp://"):
        return FolderMailer(Path(options.mail))
    parts = urlsplit(options.mail)
    if not parts.hostname or parts.password is not None:
        raise UserError("--mail: write smtp://user@host:587; the password belongs in --mail-password-file.")
    password = None
    if options.mail_password_file is not None:
        try:
            password = options.mail_password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UserError(f"{options.mail_password_file}: cannot be read ({error.strerror}).") from error
    user = unquote(parts.username) if parts.username else None
    return SmtpMailer(parts.hostname, parts.port or 587, user, password)
