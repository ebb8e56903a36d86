"""The checked-in files are those that the code generates; states look the same everywhere, and every link has a target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards import build
from dashboards.alert_rules import RULES
from dashboards.influxql import DATASOURCE_UID
from dashboards.pages import PAGES
from dashboards.texts import LANGUAGES
from telemetry import MachineState
from telemetry.appearance import LOSS_COLOURS, STATE_COLOURS, STATE_TEXTS

ROOT = Path(__file__).resolve().parents[2]
BOARDS = {name: json.loads(text) for name, text in build.documents().items() if name.endswith(".json")}


def test_the_files_in_the_repository_are_up_to_date() -> None:
    folder = ROOT / "dashboards" / "json"
    checked_in = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert checked_in == build.documents(), "run `vrijloop dashboards write` and commit what it wrote"


def test_every_state_has_a_distinct_colour_and_text() -> None:
    assert set(STATE_COLOURS) == set(STATE_TEXTS) == set(MachineState)
    assert len(set(STATE_COLOURS.values())) == len(MachineState)
    assert len(set(LOSS_COLOURS.values())) == len(LOSS_COLOURS)
    for language in LANGUAGES:
        assert len({names[language] for names in STATE_TEXTS.values()}) == len(MachineState)


def _luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _seen_by(colour: str, blindness: str) -> tuple[float, float, float]:
    """An sRGB colour as seen with protanopia or deuteranopia (Viénot, Brettel and Mollon 1999)."""
    red, green, blue = (((int(colour[place : place + 2], 16) / 255) ** 2.2) for place in (1, 3, 5))
    long = 17.8824 * red + 43.5161 * green + 4.11935 * blue
    middle = 3.45565 * red + 27.1554 * green + 3.86714 * blue
    short = 0.0299566 * red + 0.184309 * green + 1.46709 * blue
    if blindness == "protanopia":
        long = 2.02344 * middle - 2.52581 * short
    elif blindness == "deuteranopia":
        middle = 0.494207 * long + 1.24827 * short
    seen = (
        0.0809444479 * long - 0.130504409 * middle + 0.116721066 * short,
        -0.0102485335 * long + 0.0540193266 * middle - 0.113614708 * short,
        -0.000365296938 * long - 0.00412161469 * middle + 0.693511405 * short,
    )
    red, green, blue = (max(0.0, one) ** (1 / 2.2) for one in seen)
    return red, green, blue


@pytest.mark.parametrize("blindness", ["none", "protanopia", "deuteranopia"])
def test_colour_blind_people_can_tell_states_apart(blindness: str) -> None:
    colours = list(STATE_COLOURS.values())
    for place, one in enumerate(colours):
        for other in colours[place + 1 :]:
            apart = sum((a - b) ** 2 for a, b in zip(_seen_by(one, blindness), _seen_by(other, blindness), strict=True))
            assert apart**0.5 > 0.2, (one, other, blindness)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_complete(name: str) -> None:
    board = BOARDS[name]
    assert board["panels"]
    for panel in board["panels"]:
        assert panel["title"]
        if panel["type"] == "text":
            assert panel["options"]["content"]
            continue
        assert panel["datasource"]["uid"] == DATASOURCE_UID
        assert all(target["query"] for target in panel["targets"])
    variables = {one["name"] for one in board["templating"]["list"]}
    known = variables | {"timeFilter", "__interval", "col", "tag_machine", "tag_gateway", "tag_worker"}
    for query in queries(board):
        assert set(re.findall(r"\$(\w+)", query)) <= known, query
    uids = {one["uid"] for one in BOARDS.values()}
    links = [one["url"] for one in board["links"]]
    assert len(links) == len(PAGES) - 1
    assert {link.removeprefix("/d/") for link in links} < uids
    language = name.partition("/")[0]
    assert all(link.endswith(f"-{language}") for link in links)


@pytest.mark.parametrize("page", [name.partition("/")[2] for name in BOARDS if name.startswith("nl/")])
def test_both_languages_show_the_same(page: str) -> None:
    nl, en = BOARDS[f"nl/{page}"], BOARDS[f"en/{page}"]
    assert [sorted(_of_panel(one)) for one in nl["panels"]] == [sorted(_of_panel(one)) for one in en["panels"]]
    differing = [one for one, other in zip(nl["panels"], en["panels"], strict=True) if one["title"] != other["title"]]
    assert len(differing) >= len(nl["panels"]) - 1


@pytest.mark.parametrize(("language", "said"), [("nl", "per tijdvak geteld"), ("en", "counted by window")])
def test_the_page_of_promises_says_how_they_are_counted(language: str, said: str) -> None:
    notes = [one for one in BOARDS[f"{language}/spare-capacity.json"]["panels"] if one["type"] == "text"]
    assert said in "".join(one["options"]["content"] for one in notes)


def test_a_machine_in_a_table_links_to_its_page() -> None:
    text = json.dumps(BOARDS["nl/factory-now.json"])
    assert "/d/vrijloop-machine-nl?${factory:queryparam}&var-machine=${__value.raw}" in text


def test_alert_rules_say_what_to_do_in_both_languages() -> None:
    for language in LANGUAGES:
        text = build.documents()[f"provisioning-{language}/alerting/vrijloop.yaml"]
        rules = json.loads(text)["groups"][0]["rules"]
        assert len(rules) == len(RULES) == 7
        assert len({one["uid"] for one in rules}) == 7
        for rule in rules:
            assert len(rule["annotations"]["summary"]) > 40
            assert {one["refId"] for one in rule["data"]} == {"A", "B", "C"}
            assert rule["condition"] == "C"


def queries(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield target["query"]
    for variable in board["templating"]["list"]:
        yield variable["query"]


def _of_panel(panel: dict[str, Any]) -> list[str]:
    return [target["query"] for target in panel.get("targets", ())]
