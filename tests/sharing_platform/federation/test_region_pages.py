"""The administrator's pages about neighbouring regions."""

from __future__ import annotations

import base64

import pytest

from sharing_platform.federation.keys import fingerprint
from sharing_platform.organisations.permissions import Kind
from tests.sharing_platform.conftest import Platform

KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
NEW = {"name": "Luik", "url": "https://luik.example", "public_key": KEY}


def test_a_region_is_added_compared_agreed_with_and_ended(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    added = region.post("/region/neighbours", data=NEW)
    assert added.status_code == 303, added.text
    path = added.headers["location"]
    page = region.get(path).text
    assert " ".join(fingerprint(KEY)) in page
    assert "Er wordt nog niets uitgewisseld" in page
    again = region.post("/region/neighbours", data=NEW)
    assert (again.status_code, "al toegevoegd" in again.text) == (422, True)
    refused = region.post(path, data={"agree": "yes"})
    assert (refused.status_code, "Vergelijk eerst" in refused.text) == (422, True)
    assert region.post(path, data={"compared": "yes"}).status_code == 303
    assert "Nog niets gehoord" in region.get(path).text
    assert region.post(path, data={"end": "yes"}).status_code == 303
    assert "Beëindigd" in region.get(path).text
    assert region.post("/region/neighbours", data=NEW).status_code == 303, "they may begin anew"
    told = region.get("/region/log?kind=neighbour").text
    assert all(
        word in told for word in ("voegde de buurregio “Luik” toe", "ging akkoord", "beëindigde de uitwisseling")
    )
    listed = region.get("/region/organisations").text
    assert "neighbour-" not in listed, "in whose name its requests are booked is no organisation of the region"


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://luik.example"}, {"url": "https://luik.example/x"}, {"public_key": "x"}, {"public_key": base64.b64encode(bytes(31)).decode()}, {"name": ""}],
)  # fmt: skip
def test_what_cannot_be_a_neighbour(platform: Platform, wrong: dict[str, str]) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    answer = region.post("/region/neighbours", data=NEW | wrong)
    assert (answer.status_code, "aria-invalid" in answer.text) == (422, True)
