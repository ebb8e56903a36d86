"""Which seeds a campaign plays."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from tests.faults.campaign import seeds_of
from tests.faults.schedule import region_of


@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 7])
def test_jobs_share_the_seeds_and_play_each_ten_together(tmp_path: Path, jobs: int) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps({"seed": seed}) + "\n" for seed in (3, 15, 77)))
    shares = [
        seeds_of(argparse.Namespace(seed=None, results=results, first=1, seeds=100, share=(part, jobs)))
        for part in range(jobs)
    ]
    assert sorted(seed for share in shares for seed in share) == sorted({*range(1, 101)} - {3, 15, 77})
    for share in shares:
        tens = {region_of(seed) for seed in share}
        assert not any(region_of(seed) in tens for other in shares if other is not share for seed in other)
