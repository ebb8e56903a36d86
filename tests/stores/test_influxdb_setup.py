"""What InfluxDB 2 answers while a store is set up; the whole of it on a real server: `make test-influxdb`."""

from __future__ import annotations

import json

import httpx2
import pytest

from stores.influxdb_setup import _make_bucket, _named


@pytest.mark.parametrize(
    ("status", "body"), [(404, '{"code":"not found"}'), (200, '{"buckets":[]}'), (200, '{"links":{}}')]
)
def test_a_bucket_that_is_not_there_is_created(status: int, body: str) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return (
            httpx2.Response(201, json={"id": "b1"}) if request.method == "POST" else httpx2.Response(status, text=body)
        )

    with httpx2.Client(base_url="http://influx", transport=httpx2.MockTransport(answer)) as http:
        assert _make_bucket(http, "o1", "vrijloop", None) == ("b1", "bucket 'vrijloop' created")
    made = json.loads(asked[-1].content)
    assert (made["orgID"], made["name"], made["retentionRules"][0]["everySeconds"]) == ("o1", "vrijloop", 0)


def test_a_refusal_is_not_taken_for_an_empty_list() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(401, json={"code": "unauthorized"}))
    with httpx2.Client(base_url="http://influx", transport=transport) as http, pytest.raises(httpx2.HTTPStatusError):
        _named(http, "orgs", {"org": "vrijloop"})
