"""What people see of the comparison on the factory's own server, and by the command line: the bytes that leave, and the exact figures, which do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from typer.testing import CliRunner

from analytics.api.context import AnalyticsContext
from analytics.app import build_app
from analytics.publishing.network_figures import Contributed, Network, NetworkClass, NetworkFigure, Quartiles
from analytics.publishing.state import PublisherState
from analytics.service import AnalyticsService
from tests.analytics.comparison.factory import Factory
from tests.servers import free_port, serving
from vrijloop.cli import app as command_line

TOKEN = "token-of-hal-2-0123"


@dataclass
class Served:
    """`config`: the file of its server."""

    factory: Factory
    url: str
    config: Path

    def get(self) -> dict[str, Any]:
        answer = httpx2.get(f"{self.url}/api/v1/comparison", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        return dict(answer.json())

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)."""
        found = CliRunner().invoke(command_line, ["compare", *arguments, "--config", str(self.config)])
        return found.exit_code, found.stdout, found.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    factory, port = Factory(tmp_path), free_port()
    context = AnalyticsContext(
        factory.store,
        cast("AnalyticsService", SimpleNamespace(result=None)),
        factory.policy,
        cast("Any", factory.clock),
        {"hal-2": TOKEN},
        dict,
        str,
        PublisherState(tmp_path / "publisher.sqlite"),
        comparison=factory.sender,
    )
    (tmp_path / "token").write_text(TOKEN)
    config = tmp_path / "server.toml"
    config.write_text(f'token_file = "{tmp_path}/token"\npolicy = "{tmp_path}/policy.toml"\nport = {port}\n')
    with serving(build_app(context), port) as url:
        yield Served(factory, url, config)
    factory.close()


def test_the_preview_is_what_is_sent_to_the_byte(served: Served) -> None:
    served.factory.look()
    code, printed, said = served.run("preview")
    assert code == 0
    assert "withhold 2026-02 3" in said
    (shown,) = json.loads(served.run("preview", "--json")[1])["contributions"]
    served.factory.look(timedelta(days=3))
    assert served.factory.platform.bodies == [printed.encode()] == [shown["body"].encode()]
    assert served.run("preview")[1] == "", "nothing waits any more"


def test_what_is_withheld_by_command_is_not_sent(served: Served) -> None:
    served.factory.look()
    assert served.run("withhold", "2026-02", "3") == (0, "The figures of 2026-02, process class 3, are not sent.\n", "")
    served.factory.look(timedelta(days=4))
    assert served.factory.platform.bodies == []
    code, _, _ = served.run("withhold", "2026-02", "3")
    assert code == 1
    assert served.get()["contributions"][0]["state"] == "withheld"


def test_the_exact_figures_stand_beside_the_quartiles(served: Served) -> None:
    factory = served.factory
    factory.look()
    factory.look(timedelta(days=3))
    figure = NetworkFigure("availability", 80, Quartiles(40, 50, 65, 10))
    contributed = tuple(Contributed(*key, figures) for key, figures in factory.platform.standing.items())
    factory.sender.network = Network(
        True, False, contributed, (), (NetworkClass(3, (figure, NetworkFigure("idle", 9))),)
    )
    assert served.get()["classes"] == [
        {
            "process_class": 3,
            "figures": [
                {"figure": "availability", "own": 100.0, "lower": 40, "median": 50, "upper": 65, "within": 10},
                {"figure": "idle", "own": 0.0, "lower": None, "median": None, "upper": None, "within": None},
            ],
        }
    ]
    code, printed, _ = served.run("show")
    assert code == 0
    assert [one.strip() for one in printed.splitlines()[4].strip("│").split("│")] == ["availability", "100.0 %", "40 %", "50 %", "65 %", "± 10"]  # fmt: skip
    assert "2026-02, process class 3: sent 2026-03-08" in printed


def test_the_control_room_shows_what_will_leave_and_keeps_it_back(served: Served, browser: Browser) -> None:
    served.factory.look()
    (entry,) = served.factory.sender.entries()
    with browser.new_context(base_url=served.url, locale="nl-BE", viewport={"width": 390, "height": 900}) as context:
        page = context.new_page()
        page.goto("/control")
        page.locator("input[name=token]").fill(TOKEN)
        page.locator("form button").first.click()
        box = page.locator("#comparison-box")
        expect(box.locator("pre")).to_have_text(entry.body.decode().strip())
        expect(box).to_contain_text("2026-02, Scheiden: wordt verstuurd op")
        box.get_by_role("button", name="Niet versturen").click()
        expect(box).to_contain_text("Er wacht niets om verstuurd te worden.")
    assert served.factory.sender.entries()[0].state == "withheld"
