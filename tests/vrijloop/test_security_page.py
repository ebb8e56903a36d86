"""The page on security: what it names exists, its tables are whole, and secrets in it are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vrijloop.deployment.secret_table import SECRETS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"`([a-z_/0-9]+\.py)(?:::(test_\w+))?`", PAGE)))
REQUIREMENTS = [
    *(f"1.{number}" for number in range(1, 15)), *(f"2.{number}" for number in range(1, 14)), *(f"3.{number}" for number in range(1, 15)), "4.1", "4.2", "4.3",
    *(f"5.{number}" for number in range(1, 5)), "6.1", "6.2", *(f"7.{number}" for number in range(1, 9)),
]  # fmt: skip
"""Of IEC 62443-4-2, without those that are common to all."""


def section(title: str) -> str:
    return PAGE.partition(f"## {title}")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")
    ]


@pytest.mark.parametrize(("file", "name"), TESTS, ids=["::".join(filter(None, one)) for one in TESTS])
def test_each_test_that_it_names_exists(file: str, name: str) -> None:
    place = ROOT / "tests" / file
    if not place.exists():
        place = ROOT / file
    assert place.exists(), f"there is no {file}"
    assert not name or re.search(rf"def {name}\b", place.read_text()), f"{file} has no {name}"


def test_each_boundary_has_every_kind_of_threat() -> None:
    boundaries = re.findall(r"^### (B\d): .*?\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in boundaries] == [f"B{number}" for number in range(1, 9)]
    for name, text in boundaries:
        assert f"[{name}]" in PAGE, "the drawing has it"
        assert {row[0].strip("| ") for row in rows(text)} >= set("STRIDE"), name
        for row in rows(text)[1:]:
            assert "`" in row[-1] or "*not covered*" in " ".join(row), f"{name}: {row}"


def test_every_requirement_of_the_standard_is_answered() -> None:
    text = section("IEC 62443-4-2, security level 1")
    told: list[str] = []
    for number in re.findall(r"^\| (?:CR|SAR|EDR/HDR|NDR) ([0-9., to]+?)(?: \(SL \d\))? \|", text, re.MULTILINE):
        if "to" in number:
            first, last = (one.split(".") for one in number.split(" to "))
            told += [f"{first[0]}.{place}" for place in range(int(first[1]), int(last[1]) + 1)]
        else:
            told += number.split(", ")
    assert sorted(told) == sorted(REQUIREMENTS)
    assert all(len(row) == 4 and all(row) for row in rows(text)), "agent and servers, each"


def test_every_requirement_of_the_regulation_is_answered() -> None:
    told = [row[0].strip("| ") for row in rows(section("EU Cyber Resilience Act, annex I"))]
    first = ["(1)", *(f"(2)({letter})" for letter in "abcdefghijklm")]
    assert told == ["part I", *first, "part II", *(f"({number})" for number in range(1, 9))]


def test_every_secret_of_the_code_has_a_row() -> None:
    told = {re.sub(r"[|` ]", "", row[0]) for row in rows(section("Secrets and certificates"))}
    assert {one.name for one in SECRETS} <= told


def test_the_policy_for_reports_is_where_people_look() -> None:
    policy = (ROOT / "SECURITY.md").read_text()
    for part in ("security.txt", "working days", "docs/security.md", "CHANGELOG.md"):
        assert part in policy
    assert "SECURITY.md" in PAGE
