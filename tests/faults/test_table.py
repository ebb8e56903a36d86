"""The table of faults and outcomes, and what is told of a seed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.faults.schedule import Event, Fault, setup_of
from tests.faults.stage import told
from tests.faults.table import BEGIN, END, put_into, table


def line(
    seed: int, *faults: tuple[Fault, str], problems: tuple[str, ...] = (), first: int | None = None
) -> dict[str, Any]:
    events = [asdict(Event(1.0 + place, fault, target, 2.0, 0.5)) for place, (fault, target) in enumerate(faults)]
    return {
        "seed": seed, "setup": asdict(setup_of(seed)), "events": events, "held": not problems, "problems": list(problems),
        "back_s": {"server": 3.4}, "seconds": 1800.0, "logs": "the-logs", "first": first or seed,
    }  # fmt: skip


KILLED = line(1, (Fault.KILL, "server"), (Fault.KILL, "broker"))
CUT = line(2, (Fault.CUT, "agent-1>broker"), (Fault.KILL, "server"), problems=("frees-1: was executing",), first=1)


def test_each_kind_of_fault_has_a_row() -> None:
    shown = table([KILLED, CUT])
    assert "2 seeds with 4 faults in 1.0 hours; 1 held, 1 did not." in shown
    assert "| kill | SIGKILL; started again once the fault is over | 3 | 2 | 1 | 3 s |" in shown
    assert "| cut | its connections are closed in the middle of a frame | 1 | 1 | 0 | 3 s |" in shown
    assert "| `server` | 2 | 1 |" in shown
    assert "freeze" not in shown


def test_a_seed_that_was_played_again_counts_as_it_was_last() -> None:
    assert "1 seeds with 2 faults in 0.5 hours; 1 held, 0 did not." in table(
        [line(1, (Fault.KILL, "server"), problems=("lost",)), KILLED]
    )


def test_the_table_is_put_between_its_marks() -> None:
    assert put_into(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
    with pytest.raises(ValueError, match="not there"):
        put_into("a", "new")


def test_who_plays_a_failed_seed_again_is_told_how() -> None:
    said = told(CUT)
    for part in (
        "seed    2",
        "DID NOT HOLD",
        "cut",
        "agent-1>broker",
        "frees-1: was executing",
        "logs: the-logs",
        "SEED=2",
        "SEED=1-2",
    ):
        assert part in said
    assert "held; all back after 3.4 s" in told(KILLED)
