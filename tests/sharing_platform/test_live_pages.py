"""Open pages are bounded: of an address, of a person, and all together."""

from __future__ import annotations

from contextlib import ExitStack

import httpx2
import pytest
from starlette.requests import Request

from sharing_platform.bounds import Bounds
from sharing_platform.dependencies import client_address
from sharing_platform.errors import TooManyError
from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.live_updates import Listener, LiveUpdates
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform, client

FEW = Bounds(live_pages=6, live_pages_of_address=4, live_pages_of_account=2)


@pytest.mark.parametrize(
    ("listeners", "code"),
    [
        ([("a", None)] * 4, None),
        ([("a", None)] * 5, "too_many_pages_here"),
        ([("a", "an"), ("b", "an")], None),
        ([("a", "an"), ("b", "an"), ("c", "an")], "too_many_pages_here"),
        ([("a", "an"), ("a", "an"), ("a", "piet"), ("a", None), ("a", "eva")], "too_many_pages_here"),
        ([("a", None)] * 3 + [("b", None)] * 3, None),
        ([("a", None)] * 3 + [("b", None)] * 3 + [("c", None)], "too_many_pages"),
    ],
)
async def test_so_many_pages_are_open_at_a_time(listeners: list[tuple[str, str | None]], code: str | None) -> None:
    live = LiveUpdates(NOON, FEW)
    with ExitStack() as opened:
        for listener in listeners[:-1]:
            opened.enter_context(live.opened(Listener(*listener)))
        if code is None:
            opened.enter_context(live.opened(Listener(*listeners[-1])))
        else:
            with pytest.raises(TooManyError, match=code), live.opened(Listener(*listeners[-1])):
                pass
    with ExitStack() as again:
        for listener in listeners[: 4 if code == "too_many_pages" else 2]:
            again.enter_context(live.opened(Listener(*listener)))


def test_a_page_too_many_is_refused_with_a_sentence_and_has_room_when_another_closes(platform: Platform) -> None:
    most = platform.context.bounds.live_pages_of_account
    cookie = platform.somebody("an@startup.be", "startup").cookies["session"]

    def event_stream(opened: ExitStack) -> httpx2.Response:
        own = opened.enter_context(client(platform.url, cookies={"session": cookie}))
        return opened.enter_context(own.stream("GET", "/live"))

    with ExitStack() as opened:
        streams = [event_stream(opened) for _ in range(most)]
        assert {one.status_code for one in streams} == {200}
        refused = opened.enter_context(ExitStack())
        answer = event_stream(refused)
        answer.read()
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_pages_here")
        assert answer.json()["detail"] == texts("en")["error_too_many_pages_here"]
        assert platform.anyone.get("/").status_code == 200, "pages still load"
    assert all(texts(language)["error_too_many_pages_here"] for language in LANGUAGES)

    def room() -> bool:
        with ExitStack() as opened:
            return event_stream(opened).status_code == 200

    wait_for(room, "the platform to hear that pages were closed")


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("testclient", "testclient"),
    ],
)  # fmt: skip
def test_a_network_of_ipv6_is_one_visitor(host: str, counted_as: str) -> None:
    assert client_address(Request({"type": "http", "client": (host, 1)})) == counted_as
