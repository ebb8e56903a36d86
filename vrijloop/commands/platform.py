"""`vrijloop platform` and its one-off commands: `platform-admin`, `platform-invite`, `platform-migrate`, `region-report`, `region-rebuild`."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from telemetry import ShiftedClock, UserError
from telemetry.logs import log_to_stderr
from vrijloop.commands.options import AsOfOption, parse_as_of

DatabaseOption = Annotated[
    str, typer.Option(help="SQLAlchemy URL.", envvar="VRIJLOOP_PLATFORM_DATABASE", show_envvar=True)
]
UrlOption = Annotated[
    str | None,
    typer.Option(envvar="VRIJLOOP_PLATFORM_URL", help="Public URL of the platform, for the links in e-mails."),
]
_DATABASE = "sqlite:///vrijloop-platform.sqlite"


class InvitedRole(StrEnum):
    """What somebody is in a factory."""

    OWNER = "owner"
    PLANNER = "planner"
    MEMBER = "member"


class MailLanguage(StrEnum):
    """In which language somebody is written to."""

    NL = "nl"
    FR = "fr"
    EN = "en"


def platform(
    tokens_file: Annotated[
        Path | None, typer.Option(envvar="VRIJLOOP_PLATFORM_TOKENS_FILE", help="JSON: factory to bearer token.")
    ] = None,
    database: DatabaseOption = _DATABASE,
    webhooks_file: Annotated[
        Path | None,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_WEBHOOKS_FILE",
            help='JSON: factory to {"url", "secret"}, where it is notified of its bookings.',
        ),
    ] = None,
    host: Annotated[str, typer.Option(envvar="VRIJLOOP_PLATFORM_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="VRIJLOOP_PLATFORM_PORT", min=1, max=65535)] = 8340,
    url: UrlOption = None,
    mail: Annotated[
        str | None,
        typer.Option(envvar="VRIJLOOP_PLATFORM_MAIL", help="smtp://user@host:587, or a folder to write e-mails to."),
    ] = None,
    mail_from: Annotated[
        str, typer.Option(envvar="VRIJLOOP_PLATFORM_MAIL_FROM", help="The sender of e-mails.")
    ] = "vrijloop@localhost",
    mail_password_file: Annotated[
        Path | None, typer.Option(envvar="VRIJLOOP_PLATFORM_MAIL_PASSWORD_FILE", help="The mail server's password.")
    ] = None,
    private_webhooks: Annotated[
        bool, typer.Option("--private-webhooks", help="Allow webhooks to private networks.")
    ] = False,
    bounds_file: Annotated[
        Path | None,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_BOUNDS_FILE", help="TOML: how much organisations and visitors may take up."
        ),
    ] = None,
    webhook_ports: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_WEBHOOK_PORTS",
            help="Ports beside 443 that webhooks of organisations may name, with commas between.",
        ),
    ] = "",
    trusted_proxy: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_TRUSTED_PROXIES",
            help="Addresses or networks of the proxies in front, whose X-Forwarded-For is believed, with commas between.",
        ),
    ] = "",
    owners: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_OWNERS",
            help="FACTORY=EMAIL, with commas between: who is invited by e-mail while the factory has nobody.",
        ),
    ] = "",
    identity_providers_file: Annotated[
        Path | None,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_IDENTITY_PROVIDERS_FILE",
            help="TOML: the identity providers (OpenID Connect) with which people of an organisation sign in.",
        ),
    ] = None,
    clamd: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_CLAMD",
            help="The socket of ClamAV's daemon (a path, or HOST:PORT), which scans the files that people attach.",
        ),
    ] = "",
    attachment_days: Annotated[
        int,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_ATTACHMENT_DAYS",
            min=1,
            max=3650,
            help="How long attached files are kept after their booking has ended.",
        ),
    ] = 90,
    lock_after: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_LOCK_AFTER",
            help="So long without use, people have to sign in again: 5min to 14d.",
        ),
    ] = "12h",
    security_contact: Annotated[
        str,
        typer.Option(
            envvar="VRIJLOOP_PLATFORM_SECURITY_CONTACT",
            help="E-mail address or page for who has found a vulnerability, in /.well-known/security.txt.",
        ),
    ] = "",
    as_of: AsOfOption = None,
) -> None:
    """Run the sharing platform."""
    from vrijloop.platform_server import (
        PlatformOptions,
        read_lock,
        read_owners,
        read_ports,
        read_proxies,
        read_security_contact,
        run_platform,
    )

    log_to_stderr()
    if mail is None:
        logging.getLogger(__name__).warning("--mail is not set: nobody can register, and e-mails wait until it is.")
    moment = parse_as_of(as_of)
    options = PlatformOptions(
        database, tokens_file, webhooks_file, host, port, url, mail, mail_from, mail_password_file, private_webhooks,
        bounds_file, read_ports(webhook_ports), read_proxies(trusted_proxy), read_owners(owners),
        identity_providers_file, clamd or None, attachment_days, read_lock(lock_after),
        read_security_contact(security_contact),
    )  # fmt: skip
    run_platform(options, ShiftedClock(moment) if moment else None)


def platform_admin(
    email: Annotated[str, typer.Argument(help="The administrator's e-mail address.")],
    name: Annotated[str, typer.Option(help="The administrator's name.")] = "Administrator",
    region: Annotated[
        str, typer.Option(help="Name of the region, if it does not exist yet.")
    ] = "Limburg en Sint-Truiden",
    database: DatabaseOption = _DATABASE,
    url: UrlOption = None,
) -> None:
    """Create an administrator of the region, who approves organisations. Prints a link that works once, within 24
    hours."""
    from vrijloop.platform_server import PlatformOptions, add_administrator

    if "@" not in email:
        raise UserError(f"{email}: not an e-mail address.")
    print(add_administrator(PlatformOptions(database, url=url), email, name, region))


def platform_invite(
    factory: Annotated[str, typer.Argument(help="The factory's short name, or another organisation's.")],
    email: Annotated[str, typer.Argument(help="Whom to invite.")],
    role: Annotated[
        InvitedRole,
        typer.Option(help="owner: everything; planner: answer requests, offer machines; member: look and request."),
    ] = InvitedRole.OWNER,
    name: Annotated[str | None, typer.Option(help="Their name, which they can correct.")] = None,
    language: Annotated[MailLanguage, typer.Option(help="Language in which they are written to.")] = MailLanguage.NL,
    send: Annotated[bool, typer.Option("--send", help="Also send them the invitation by e-mail.")] = False,
    database: DatabaseOption = _DATABASE,
    url: UrlOption = None,
) -> None:
    """Invite somebody to a factory, who can then answer requests. Prints a link that works once, within 7 days."""
    from pydantic import ValidationError

    from sharing_platform.organisations.first_people import name_in
    from sharing_platform.organisations.schemas import MemberIn
    from vrijloop.platform_server import PlatformOptions, invite_to

    try:
        wanted = MemberIn.model_validate(
            {"name": name or name_in(email), "email": email, "role": role.value, "language": language.value}
        )
    except ValidationError as error:
        what = {"email": f"{email}: not an e-mail address.", "name": "--name: give a name of 2 to 200 characters."}
        raise UserError(what[str(error.errors()[0]["loc"][0])]) from None
    print(invite_to(PlatformOptions(database, url=url), factory, wanted, send))


def platform_migrate(database: DatabaseOption = _DATABASE) -> None:
    """Migrate the platform's tables to this version and print both revisions. Starting the platform does the same."""
    from vrijloop.platform_server import migrate_platform

    before, after = migrate_platform(database)
    print(
        f"The tables are at revision {after}."
        if before == after
        else f"The tables were migrated from {before or 'none'} to {after}."
    )


def platform_signing_key(database: DatabaseOption = _DATABASE) -> None:
    """Sign the links in e-mails with a new key from now on. Links of the key before still work, and older ones no longer. The platform may run meanwhile."""
    from vrijloop.platform_server import renew_signing_key

    renew_signing_key(database)
    print("Links in e-mails are signed with a new key. Run it once more to end those of the key before, too.")


def region_report(
    year: Annotated[int, typer.Option(min=2000, max=2200, help="Of which year.")],
    output: Annotated[Path, typer.Option(help="The PDF file to write.")],
    language: Annotated[MailLanguage, typer.Option(help="Language of the report.")] = MailLanguage.NL,
    database: DatabaseOption = _DATABASE,
    url: UrlOption = None,
) -> None:
    """Write the report of a year in the region, as PDF, of what is published of its weeks."""
    from vrijloop.platform_server import PlatformOptions, write_region_report

    write_region_report(PlatformOptions(database, url=url), year, language.value, output)
    print(f"{output} is written.")


def region_rebuild(database: DatabaseOption = _DATABASE) -> None:
    """Compute the summaries of the region anew, for weeks that are not published yet. The platform does that by itself for what changes."""
    from vrijloop.platform_server import rebuild_region

    rebuild_region(database)
    print("The summaries of the region are computed anew.")
