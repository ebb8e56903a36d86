"""Questions, the answers of others, what the asker says of them, and who is told once."""

from __future__ import annotations

from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.learning.samples import API, QUESTION, code, page_of, post


def test_a_question_is_answered_and_the_answer_marked(platform: Platform) -> None:
    an = platform.somebody("an@an.be", "an", Role.MEMBER)
    bo = platform.somebody("bo@bo.be", "bo", Role.MEMBER, Kind.FACTORY)
    cy = platform.somebody("cy@cy.be", "cy", Role.MEMBER, Kind.FACTORY)
    path = post(an, QUESTION)
    page = page_of(path)
    first = bo.post(f"{path}/answers", json={"text": "Wij, sinds twee jaar."}).json()["id"]
    assert cy.post(f"{page}/answers", data={"text": "Met een emulsie van 4 %."}).headers["location"].endswith("answered")  # fmt: skip
    for who in ("bo", "cy"):
        assert page in platform.mail("an@an.be", f"{who} heeft uw vraag").get_content()
    assert len(platform.mails_to("an@an.be")) == 2, "once for each answer"
    given = platform.anyone.get(f"{path}/answers").json()["answers"]
    second = next(one["id"] for one in given if one["organisation"] == "cy")
    assert "Met een emulsie" in platform.anyone.get(page).text
    assert "Wie heeft ervaring" in platform.anyone.get("/search?q=emulsie").text, "found by its answers, too"
    assert bo.put(f"{path}/answers/{second}/mark", json={"mark": "accepted"}).status_code == 404, "the asker alone"
    for said in ("helpful", "none", "accepted"):
        assert an.put(f"{path}/answers/{first}/mark", json={"mark": said}).json()["mark"] == said
    assert len(platform.mails_to("bo@bo.be")) == 1, "who answered is told once"
    assert "hielp" in platform.mail("bo@bo.be").get_content()
    assert an.post(f"{page}/answers/{second}", data={"mark": "accepted"}).status_code == 303
    assert "u het antwoord gaf" in platform.mail("cy@cy.be").get_content()
    marks = [(one["organisation"], one["mark"]) for one in platform.anyone.get(f"{path}/answers").json()["answers"]]
    assert marks == [("cy", "accepted"), ("bo", "helpful")], "one is accepted at a time"
    assert platform.anyone.get(path).json()["solved"]
    assert "opgelost" in platform.anyone.get("/learning?kind=question").text
    assert cy.delete(f"{path}/answers/{first}").status_code == 404
    assert cy.post(f"{page}/answers/{second}", data={"withdraw": "yes"}).status_code == 303
    assert not platform.anyone.get(path).json()["solved"]


def test_an_answer_is_withdrawn_also_after_the_question(platform: Platform) -> None:
    an = platform.somebody("an@an.be", "an", Role.MEMBER)
    path = post(an, QUESTION)
    given = [platform.hal_2.post(f"{path}/answers", json={"text": "Wij."}).json()["id"] for _ in range(2)]
    assert an.delete(path).status_code == 204
    assert platform.hal_3.delete(f"{path}/answers/{given[0]}").status_code == 404, "somebody else's"
    assert platform.hal_2.delete(f"{path}/answers/{given[0]}").status_code == 204
    people = platform.somebody("o@hal.be", "hal-2")
    done = people.post(f"{page_of(path)}/answers/{given[1]}", data={"withdraw": "yes"})
    assert people.get(done.headers["location"]).status_code == 200
    assert an.get(path).json()["answers"] == 0


def test_whoever_is_removed_is_told_of_no_answer_and_of_no_mark(platform: Platform) -> None:
    owners = [platform.somebody(f"eva@{one}.be", one, Role.OWNER, Kind.FACTORY) for one in ("an", "bo")]
    an, bo = (platform.somebody(f"{one}@{one}.be", one, Role.MEMBER) for one in ("an", "bo"))
    path = post(an, QUESTION)
    given = bo.post(f"{path}/answers", json={"text": "Wij."}).json()["id"]
    platform.mail("an@an.be", "heeft uw vraag")
    for owner, gone in zip(owners, (an, bo), strict=True):
        member = gone.get("/api/v1/account").json()["id"]
        assert owner.delete(f"/api/v1/organisation/members/{member}").status_code == 204
    assert owners[0].put(f"{path}/answers/{given}/mark", json={"mark": "helpful"}).status_code == 200
    assert platform.hal_2.post(f"{path}/answers", json={"text": "Wij ook."}).status_code == 201
    assert platform.mail("eva@an.be", "heeft uw vraag"), "who answers for the organisation"
    assert len(platform.mails_to("an@an.be")) == 1
    assert not platform.mails_to("bo@bo.be")


def test_who_may_answer(platform: Platform) -> None:
    an = platform.somebody("an@an.be", "an", Role.MEMBER)
    path = post(an, QUESTION)
    new = platform.somebody("n@new.be", "newcomer", Role.OWNER, Kind.FACTORY, approved=False)
    told = [code(one.post(f"{path}/answers", json={"text": "x"})) for one in (platform.anyone, an, new, platform.hal_2)]
    assert told == ["sign_in", "own", "not_approved", 201], "programs may"
    hidden = post(new, QUESTION | {"title": "Nog niet voor iedereen"})
    assert platform.anyone.get(hidden).status_code == 404, "until the region has approved who asks"
    assert "Niet zichtbaar" in new.get(page_of(hidden)).text
    assert an.put(path, json=QUESTION | {"kind": "story", "details": {"problem": "x", "approach": "y"}}).status_code == 403  # fmt: skip
    assert an.delete(path).status_code == 204
    assert code(platform.hal_2.post(f"{path}/answers", json={"text": "x"})) == "missing"


def test_an_answer_is_reported_by_itself(platform: Platform) -> None:
    an = platform.somebody("an@an.be", "an", Role.MEMBER)
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    path = post(an, QUESTION)
    page = page_of(path)
    for client, text in ((platform.hal_2, "Koop bij ons!"), (platform.hal_3, "Ja, wij.")):
        assert client.post(f"{path}/answers", json={"text": text}).status_code == 201
    asked = platform.anyone.get(f"/report?page={page}").text
    assert "Koop bij ons" in asked
    spam = next(one["id"] for one in an.get(f"{path}/answers").json()["answers"] if "Koop" in one["text"])
    body = {"page": f"{page}/answers/{spam}", "category": "spam", "text": "Reclame."}
    assert an.post("/api/v1/reports", json=body).status_code == 202
    (report,) = region.get("/api/v1/region/reports").json()["reports"]
    assert (report["kind"], report["organisation"]) == ("answer", "hal-2")
    decision = {"outcome": "taken_down", "ground": "spam", "text": "Reclame."}
    assert region.post(f"/api/v1/region/reports/{report['id']}/decision", json=decision).status_code == 201
    for client in (platform.anyone, an, platform.hal_3):
        assert "Koop" not in client.get(page).text
        assert "Koop" not in client.get(f"{path}/answers").text
    assert "Wie heeft" not in platform.anyone.get("/search?q=koop").text
    owner = platform.somebody("o@hal.be", "hal-2")
    assert "Koop" in owner.get(page).text, "who wrote it still sees it"
    assert platform.anyone.get(path).json()["answers"] == 1


def test_what_somebody_wrote_goes_with_their_account(platform: Platform) -> None:
    an = platform.somebody("an@an.be", "an", Role.MEMBER)
    bo = platform.somebody("bo@bo.be", "bo", Role.MEMBER, Kind.FACTORY)
    platform.somebody("els@an.be", "an")
    platform.somebody("els@bo.be", "bo")
    path = post(an, QUESTION)
    bo.post(f"{path}/answers", json={"text": "Wij."})
    assert [one["text"] for one in bo.get("/api/v1/account/data").json()["learning_answers"]] == ["Wij."]
    assert bo.request("DELETE", "/api/v1/account").status_code == 204
    assert platform.anyone.get(path).json()["answers"] == 0
    assert an.request("DELETE", "/api/v1/account").status_code == 204
    assert platform.anyone.get(path).status_code == 404
    assert QUESTION["title"] not in platform.anyone.get(f"{API}?kind=question").text
