"""A factory whose token is configured gets people, and nobody founds it a second time by registering."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import pytest
from sqlalchemy import func, select, update

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.notifications.models import Mail
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.first_people import factories_without_answer
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.names import resembling
from sharing_platform.organisations.permissions import Kind, Role
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, TOKENS, Platform, Postbox, client

PASSWORD = "een zin die lang genoeg is"
EVA = "eva@hal-2.be"
FORM = {
    "name": "Eva Peeters",
    "email": EVA,
    "kind": "factory",
    "country": "BE",
    "enterprise_number": "0123.456.749",
    "terms": 1,
}


def browser(platform: Platform) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Hal 2", ["hal-2"]), ("HAL-2 NV", ["hal-2"]), ("Hal 2 b.v.b.a.", ["hal-2"]), ("Hal 4", []), ("Hal", []), ("Hal 22", []),
        ("Genk Toelevering", ["genk"]), ("Génk Toeleveringen N.V.", ["genk"]), ("Genk", ["genk"]), ("Toelevering", []), ("NV", []),
        ("Завод", ["cyrillic"]), ("Склад", []),
    ],
)  # fmt: skip
def test_names_that_are_nearly_the_same(name: str, found: list[str]) -> None:
    known = {"hal-2": "Hal 2", "hal-3": "Hal 3", "genk": "Genk Toelevering", "cyrillic": "Завод"}
    assert resembling(name, known) == found


def started_again(platform: Platform, owners: Mapping[str, str]) -> None:
    url = platform.context.sessions.kw["bind"].url.render_as_string(hide_password=False)
    settings = PlatformSettings(url, TOKENS, url=platform.url, owners=owners, mailer=Postbox([]))
    create_app(settings, lambda: platform.present[0]).state.context.sessions.kw["bind"].dispose()
    platform.context.wake_workers()


def written_to(platform: Platform, address: str) -> int:
    with platform.context.sessions() as session:
        return session.scalar(select(func.count()).where(Mail.to == address)) or 0


def test_the_configured_owner_is_invited_until_the_factory_has_people(platform: Platform) -> None:
    platform.offer("o1", 3, 4, booking="on_request")
    asked = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    assert "hal-2" in nobody_answers(platform)
    started_again(platform, {"hal-2": EVA})
    started_again(platform, {"hal-2": EVA})
    assert written_to(platform, EVA) == 1, "a restart repeats nothing"
    assert "hal-2" in nobody_answers(platform), "an invitation answers nothing"
    platform.later(8 * 24)
    started_again(platform, {"hal-2": EVA})
    assert written_to(platform, EVA) == 2, "an invitation that has expired is sent again"
    wait_for(lambda: len(platform.mails_to(EVA)) == 2, "the second mail")
    with browser(platform) as eva:
        link = {"link": platform.secret_in_mail(EVA), "password": PASSWORD, "name": "Eva Peeters"}
        assert eva.post("/api/v1/accounts/welcome", json=link).status_code == 204
        assert eva.get("/api/v1/account").json()["memberships"] == [
            {"organisation": "hal-2", "name": "hal-2", "role": "owner"}
        ]
        assert eva.get(f"/api/v1/bookings/{asked}").json()["state"] == "expired", "which nobody could answer"
        platform.offer("o2", 8 * 24 + 3, 4, booking="on_request")
        again = platform.startup.post("/api/v1/offers/o2/booking", json={}).json()["id"]
        answer = eva.post(f"/api/v1/bookings/{again}/state", json={"state": "accepted"})
        assert answer.status_code == 200, answer.text
    assert "hal-2" not in nobody_answers(platform)
    started_again(platform, {"hal-2": "somebody@else.be"})
    assert written_to(platform, "somebody@else.be") == 0, "who is there invites the others"


def test_who_counts_as_somebody_who_answers(platform: Platform) -> None:
    platform.somebody("member@hal-3.be", "hal-3", Role.MEMBER)
    assert {"hal-2", "hal-3"} <= nobody_answers(platform)
    platform.somebody("planner@hal-3.be", "hal-3", Role.PLANNER)
    assert "hal-3" not in nobody_answers(platform)
    assert platform.hal_3.get("/api/v1/organisation/answering").json() == {"people": 1}
    assert platform.hal_2.get("/api/v1/organisation/answering").json() == {"people": 0}
    with platform.context.sessions.begin() as session:
        session.execute(update(Account).values(confirmed=None))
    assert "hal-3" in nobody_answers(platform)
    platform.somebody("an@seeker.be", "seeker", kind=Kind.SEEKER)
    assert "seeker" not in nobody_answers(platform), "only factories are asked for hours"


def nobody_answers(platform: Platform) -> set[str]:
    with platform.context.sessions() as session:
        return {one.id for one in factories_without_answer(session)}


def test_nobody_takes_the_name_of_another(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2", kind=Kind.FACTORY)
    for name, status in (("Hal 2 NV", 200), ("HAL-3", 422), ("Hal 3 bv", 422), ("Hal Drie", 200), ("Hal Drie", 200)):
        answer = owner.put("/api/v1/organisation", json={"name": name})
        assert answer.status_code == status, (name, answer.text)
    shown = owner.post("/organisation", data={"name": "Hal-3"})
    assert shown.status_code == 422
    assert "Kies een naam die daarvan te onderscheiden is" in shown.text


def test_registering_under_the_name_of_a_factory_is_seen_by_the_region_alone(platform: Platform) -> None:
    with browser(platform) as eva:
        shown = eva.post("/register", data=FORM | {"organisation": "Hal 2 NV"})
        assert (shown.status_code, "bijna deze naam" in shown.text) == (200, False)
        link = {"link": platform.secret_in_mail(EVA), "password": PASSWORD}
        assert eva.post("/api/v1/accounts/welcome", json=link).status_code == 204
        assert (
            eva.put(
                "/api/v1/organisation", json={"country": "BE", "enterprise_number": "0123.456.749", "name": "HAL-3"}
            ).status_code
            == 200
        )
        assert (
            eva.put(
                "/api/v1/organisation", json={"country": "BE", "enterprise_number": "0123.456.749", "name": "HAL-2"}
            ).status_code
            == 200
        )
    region = platform.somebody("r@limburg.be", "region", kind=Kind.REGION)
    assert "lijkt op: hal-2" in region.get("/region/administration").text, "the region sees it before it approves"


def test_the_name_of_who_has_not_confirmed_is_nobodys(platform: Platform) -> None:
    with platform.context.sessions.begin() as session:
        stranger, _ = accounts.get_or_create_account(session, "s@s.be", "S", "nl", NOON)
        directory.found_organisation(session, "Start & Co", Kind.SEEKER, NOON, stranger)
    body = FORM | {"organisation": "Start & Co BV"}
    assert platform.anyone.post("/api/v1/accounts", json=body).status_code == 202
