"""The one-off commands of a sharing platform, on the file of one that does not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharing_platform.database import open_database
from sharing_platform.errors import NotFoundError
from sharing_platform.notifications.signed_links import LinkTo, signed, value_of
from sharing_platform.organisations import invitations
from sharing_platform.organisations.directory import ensure_configured
from telemetry import SystemClock, UserError
from tests.platform_databases import sqlite_copy
from tests.vrijloop.command_line import invoke
from vrijloop.platform_server import read_owners


@pytest.fixture
def platform(tmp_path: Path) -> str:
    """Its database, in which the factory is that of a configured token."""
    url = sqlite_copy(tmp_path / "platform.sqlite")
    with open_database(url).begin() as session:
        ensure_configured(session, ["genk"], SystemClock().now())
    return url


def test_an_invitation_to_a_factory(platform: str) -> None:
    options = ("--database", platform, "--url", "https://vrijloop.example/")
    printed = invoke("platform-invite", "genk", "Eva@Genk.example", "--role", "planner", *options)
    assert printed.startswith("https://vrijloop.example/welcome/")
    with open_database(platform)() as session:
        (invitation,) = invitations.of_organisation(session, "genk", SystemClock().now())
        assert (invitation.email, invitation.role, invitation.name) == ("eva@genk.example", "planner", "Eva")
    assert invoke("platform-invite", "genk", "eva@genk.example", *options) != printed, "the newest replaces the others"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gent", "eva@genk.example"), "no organisation 'gent' on this platform. It has genk"),
        (("genk", "eva"), "eva: not an e-mail address"),
        (("genk", "eva@genk.example", "--name", "E"), "--name"),
    ],
)
def test_what_cannot_be_invited(platform: str, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        invoke("platform-invite", *arguments, "--database", platform)


def test_owners_as_they_are_configured() -> None:
    assert read_owners(" genk=Eva@Genk.example, hal-2=an@hal.be,") == {
        "genk": "eva@genk.example",
        "hal-2": "an@hal.be",
    }
    for wrong in ("genk", "genk=eva", "Genk 2=eva@genk.example", "=eva@genk.example"):
        with pytest.raises(UserError, match="--owners"):
            read_owners(wrong)


def test_links_in_e_mails_outlive_one_change_of_the_key(platform: str) -> None:
    sessions = open_database(platform)

    def works(link: str) -> bool:
        with sessions() as session:
            try:
                return value_of(session, LinkTo.REPORT, link) == "r-1"
            except NotFoundError:
                return False

    with sessions() as session:
        first = signed(session, LinkTo.REPORT, "r-1")
    assert "Run it once more" in invoke("platform-signing-key", "--database", platform)
    with sessions() as session:
        second = signed(session, LinkTo.REPORT, "r-1")
        with pytest.raises(NotFoundError):
            value_of(session, LinkTo.MAILS, second)
    assert (first != second, works(first), works(second), works(f"{second}x")) == (True, True, True, False)
    invoke("platform-signing-key", "--database", platform)
    assert (works(first), works(second)) == (False, True)
