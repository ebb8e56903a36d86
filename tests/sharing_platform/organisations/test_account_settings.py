"""What people choose about their account: which e-mails come when, and how they end from the e-mail itself; another address; where they are signed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from zoneinfo import ZoneInfo

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.i18n import texts
from sharing_platform.notifications.digests import next_hour
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.notifications.models import DigestItem
from sharing_platform.notifications.preferences import KINDS, How
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Kind
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform, client

AN = "an@startup.be"
BRUSSELS = "Europe/Brussels"


def choose(browser: httpx2.Client, hour: int | None = None, **mails: str) -> None:
    more = {} if hour is None else {"mail_hour": hour}
    answer = browser.put("/api/v1/account", json={"name": "An", "language": "nl", "mails": mails} | more)
    assert answer.status_code == 204, answer.text


def tell(platform: Platform, key: str = "match", email: str = AN, **values: object) -> None:
    given = {"title": "Assen", "count": 1, "links": "…", "link": platform.url} | values
    with platform.context.sessions.begin() as session:
        account = session.query(Account).filter_by(email=email).one()
        queue_mail(session, account, key, BRUSSELS, platform.present[0], (), **given)
    platform.context.wake_workers()


def subjects(platform: Platform, count: int, email: str = AN) -> list[str]:
    wait_for(lambda: len(platform.mails_to(email)) >= count, f"{count} e-mails")
    return [str(one["Subject"]) for one in platform.mails_to(email)]


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.integers(0, 23))
def test_the_hour_of_the_summary(moment: datetime, hour: int) -> None:
    """Within a day or so, also where clocks change, and at that hour unless clocks skip it."""
    found = next_hour(moment, hour, BRUSSELS)
    assert moment < found.astimezone(UTC)
    assert (found.astimezone(UTC) - moment).total_seconds() <= 25 * 3600
    assert found.astimezone(UTC).astimezone(ZoneInfo(BRUSSELS)).hour in (hour, hour + 1)


def test_what_is_wanted_once_a_day_comes_in_one_mail_at_the_hour(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up")
    choose(an, 9, matches="daily")
    tell(platform)
    tell(platform, title="Platen")
    tell(platform, "approved", organisation="Start-up")
    assert subjects(platform, 1) == ["Start-up is goedgekeurd"], "what is essential comes at once"
    platform.later(20.9)
    assert len(subjects(platform, 1)) == 1, "it is not nine yet"
    platform.later(0.2)
    assert subjects(platform, 2)[1] == "Uw samenvatting van vandaag (2)"
    told = platform.mails_to(AN)[1].get_content()
    assert "• Nieuw voor “Assen”: 1" in told
    assert "• Nieuw voor “Platen”: 1" in told
    tell(platform)
    platform.later(2)
    assert len(subjects(platform, 2)) == 2, "the next one comes tomorrow"
    platform.later(22)
    assert len(subjects(platform, 3)) == 3


def test_what_is_not_wanted_does_not_come_and_what_is_essential_cannot_be_off(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up")
    choose(an, matches="never", messages="never", account="never")
    tell(platform)
    tell(platform, "message", writer="Hal 2", when="nu")
    tell(platform, "reset")
    assert set(subjects(platform, 2)) == {"Nieuw bericht over Assen", "Kies een nieuw wachtwoord"}
    mails = an.get("/api/v1/account").json()["mails"]
    assert (mails["matches"], mails["messages"]) == ("never", "at_once"), "messages are missed by nobody"
    assert (
        an.put("/api/v1/account", json={"name": "An", "language": "nl", "mails": {"matches": "weekly"}}).status_code
        == 422
    )


def test_every_key_of_a_kind_is_a_mail() -> None:
    keys = {key for kind in KINDS.values() for key in kind.keys}
    assert {f"mail_{key}_subject" for key in keys} <= texts("nl").keys()
    assert {f"mails_{kind}" for kind in (*KINDS, "digest")} | {f"how_{how}" for how in How} <= texts("nl").keys()


def unsubscribe_link(mail: EmailMessage) -> str:
    """As mail programs read it from what goes over the wire."""
    received = message_from_bytes(bytes(mail), policy=default)
    assert received["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert b"\nList-Unsubscribe: <http" in bytes(mail), "in one piece"
    link = str(received["List-Unsubscribe"]).strip("<>")
    assert link in received.get_content()
    return link


def test_one_click_ends_e_mails_of_a_kind_without_signing_in(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up")
    tell(platform)
    subjects(platform, 1)
    link = unsubscribe_link(platform.mails_to(AN)[0])
    with client(platform.url) as mail_program:
        assert "Deze e-mails niet meer ontvangen" in mail_program.get(link).text
        assert an.get("/api/v1/account").json()["mails"]["matches"] == "at_once", "looking changes nothing"
        clicked = mail_program.post(link, data={"List-Unsubscribe": "One-Click"})
        assert (clicked.status_code, "set-cookie" in clicked.headers) == (200, False)
        assert "U krijgt geen e-mails meer over" in clicked.text
        for wrong in (f"{link}x", link[: link.rfind("/")] + "/a.b.c"):
            assert mail_program.post(wrong).status_code == 404
    assert an.get("/api/v1/account").json()["mails"]["matches"] == "never"
    tell(platform)
    tell(platform, "approved", organisation="Start-up")
    assert subjects(platform, 2)[1] == "Start-up is goedgekeurd"
    assert platform.mails_to(AN)[1]["List-Unsubscribe"] is None, "which cannot be off"


def test_a_summary_is_ended_with_what_may_be_off_in_it(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up")
    choose(an, 13, matches="daily", messages="daily")
    tell(platform)
    platform.later(1)
    subjects(platform, 1)
    platform.anyone.post(unsubscribe_link(platform.mails_to(AN)[0]), data={"List-Unsubscribe": "One-Click"})
    mails = an.get("/api/v1/account").json()["mails"]
    assert (mails["matches"], mails["messages"]) == ("never", "daily")


def test_who_administers_the_region_chooses_about_its_e_mails(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    choose(region, 8, reports="daily", applications="never")
    shown = region.get("/api/v1/account").json()
    assert (shown["mails"]["reports"], shown["mails"]["applications"]) == ("daily", "at_once")
    page = unescape(platform.somebody(AN, "start-up").get("/account").text)
    assert "Meldingen en bezwaren" not in page


def test_the_page_of_the_account(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up")
    form = {"name": "An Peeters", "language": "fr", "mails_matches": "daily", "mail_hour": "6"}
    answer = an.post("/account/settings", data=form)
    assert answer.headers["location"] == "/account?done=saved"
    page = unescape(an.get("/account").text)
    assert '<html lang="fr">' in page
    assert 'value="An Peeters"' in page
    assert re.search(r'<option value="daily" selected>', page)
    assert '<option value="6" selected>06:00' in page
    wrong = an.post("/account/settings", data=form | {"name": "A", "mail_hour": "99"})
    assert wrong.status_code == 422
    assert an.get("/api/v1/account").json()["name"] == "An Peeters"


def test_another_address_has_to_be_read_by_the_person(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up", password="een zin die lang genoeg is")
    new = "an.peeters@startup.be"
    assert an.post("/account/address", data={"email": new}).status_code == 200
    assert an.get("/api/v1/account").json()["email"] == AN
    secret = platform.secret_in_mail(new, "/account/address/")
    page = an.get(f"/account/address/{secret}", follow_redirects=True)
    assert new in page.text
    assert an.post("/account/new-address").headers["location"] == "/account?done=saved"
    assert an.get("/api/v1/account").json()["email"] == new
    assert new in platform.mail(AN, "ander e-mailadres").get_content()
    again = platform.anyone.post("/api/v1/accounts/address", json={"link": secret})
    assert again.json()["code"] == "link"


def test_whose_address_it_is_stays_so(platform: Platform) -> None:
    an = platform.somebody(AN, "start-up", password="een zin die lang genoeg is")
    platform.somebody("eva@hal.be", "hal-2")
    answers = {
        (one.status_code, one.text)
        for one in (an.post("/api/v1/account/address", json={"email": email}) for email in ("eva@hal.be", "x@x.be"))
    }
    assert answers == {(202, "null")}, "nobody learns who has an account"
    platform.mail("eva@hal.be", "al een account")
    assert an.post("/api/v1/account/address", json={"email": AN}).json()["code"] == "address_same"
    secret = platform.secret_in_mail("x@x.be", "/account/address/")
    platform.somebody("x@x.be")
    assert platform.anyone.post("/api/v1/accounts/address", json={"link": secret}).status_code == 404
    platform.present[0] = NOON.replace(hour=18)
    late = an.post("/api/v1/account/address", json={"email": "y@y.be"})
    assert late.json()["errors"] == [{"field": "password", "problem": "password_needed"}], (
        "somebody may have sat down at the browser"
    )
    right = {"email": "y@y.be", "password": "een zin die lang genoeg is"}
    assert an.post("/api/v1/account/address", json=right).status_code == 202


def test_signing_out_everywhere_else(platform: Platform) -> None:
    an, elsewhere = platform.somebody(AN, "start-up"), platform.somebody(AN, "start-up")
    assert [one["here"] for one in an.get("/api/v1/account/browsers").json()["browsers"]].count(True) == 1
    assert an.post("/account/browsers").headers["location"] == "/account?done=saved"
    assert elsewhere.get("/api/v1/account").status_code == 401
    assert len(an.get("/api/v1/account/browsers").json()["browsers"]) == 1


def test_what_was_chosen_is_exported_and_erased(platform: Platform) -> None:
    an = platform.somebody(AN)
    choose(an, 9, matches="daily")
    tell(platform)
    assert an.get("/api/v1/account/data").json()["mail_settings"] == [{"hour": 9, "choices": {"matches": "daily"}}]
    assert an.request("DELETE", "/api/v1/account").status_code == 204
    with platform.context.sessions() as session:
        assert session.query(DigestItem).count() == 0
