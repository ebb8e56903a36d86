"""What is said of known vulnerabilities, by what pip-audit answers. Silence is no good news."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from supply.locks import OF_EVERYTHING, lock
from supply.vulnerabilities import LookUpError, look_up, main

LOCKED = [{"name": pin.name, "version": pin.version, "vulns": []} for pin in lock(OF_EVERYTHING) if pin.needed({})]


def answered(rows: list[dict[str, Any]], said: str = "") -> Any:
    stdout = json.dumps({"dependencies": rows, "fixes": []}) if rows else ""
    return lambda: look_up(lambda _: CompletedProcess([], 1, stdout, said))


def test_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(answered(LOCKED)) == 0
    assert "No known vulnerability" in capsys.readouterr().out


def test_each_vulnerability_is_named_with_what_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *others = LOCKED
    bad = [
        first | {"vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["9.1", "10.0"], "aliases": []}]},
        second | {"vulns": [{"id": "GHSA-x", "fix_versions": []}]},
    ]
    assert main(answered([*bad, *others])) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        f"{first['name']} {first['version']}: PYSEC-2026-1, mended in 9.1, 10.0: https://osv.dev/"
    )
    assert said[1].startswith(f"{second['name']} {second['version']}: GHSA-x, not mended yet: ")
    assert "make update ONLY=NAME" in said[2]


@pytest.mark.parametrize(
    ("rows", "said", "why"),
    [
        ([], "Traceback\nConnectionError: api.osv.dev", "ConnectionError: api.osv.dev"),
        ([], "", "pip-audit ended with 1"),
        (LOCKED[1:], "", f"nothing was said of {LOCKED[0]['name']}"),
        ([*LOCKED[1:], {"name": LOCKED[0]["name"], "skip_reason": "not found"}], "", f"nothing was said of {LOCKED[0]['name']}"),
        ([{"name": "x"}, {}], "", "pip-audit ended with 1"),
    ],
    ids=["offline", "silent", "one is missing", "one was left out", "another answer"],
)  # fmt: skip
def test_what_could_not_be_looked_up_is_no_good_news(
    rows: list[dict[str, Any]], said: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LookUpError, match=why):
        answered(rows, said)()
    assert main(answered(rows, said)) == 2
    assert "could not be looked up" in capsys.readouterr().out
