"""The whole chain, measured: `make bench-chain` writes benchmarks/results/chain.json.

Replay: a year of a recorded meter from Modbus socket to durable row. Live: from the change of a value at a meter to the
open page that shows it, polled twice a second.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.machine import described, percentile
from tests.end_to_end.live_house import IDLE_W, MACHINE, WORKING_W, live_house

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT.parent / "shared" / "data" / "steel_2018_15min.csv"
RESULT = ROOT / "benchmarks" / "results" / "chain.json"
CHANGES = 40


def replay() -> dict[str, Any]:
    """A year of quarter hours; None of it where the recording is absent."""
    if not RECORDING.exists():
        return {"skipped": f"{RECORDING.name} is not here"}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "vrijloop", "demo", "--headless", "--replay", str(RECORDING)]
        subprocess.run([*command, "--timezone", "Asia/Seoul", "--json", str(result)], check=True)
        summary: dict[str, Any] = json.loads(result.read_text())
    return {**summary, "reports_per_second": round(summary["reports"]["stored"] / summary["seconds"])}


def live() -> dict[str, Any]:
    """Seconds from the change at the meter to the page."""
    browser_path = shutil.which("chromium")
    if browser_path is None:
        return {"skipped": "chromium is not installed"}
    seconds = []
    with tempfile.TemporaryDirectory() as folder, live_house(Path(folder)) as house, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=house.url)
        page.goto("/")
        shows = f"li.machine[data-machine={MACHINE}][data-now=%s]"
        page.wait_for_selector(shows % "standing_still")
        for change in range(CHANGES):
            power_w, word = ((WORKING_W, "in_use"), (IDLE_W, "standing_still"))[change % 2]
            page.wait_for_timeout(300 + 137 * (change % 5))  # not in step with the polls
            began = time.perf_counter()
            house.power_w[0] = power_w
            page.wait_for_selector(shows % word)
            seconds.append(time.perf_counter() - began)
        browser.close()
    return {
        "changes": CHANGES,
        "poll_interval_s": 0.5,
        **{f"p{share}_s": round(percentile(seconds, share), 3) for share in (50, 95, 99)},
        "max_s": round(max(seconds), 3),
        "share_within_2_s": sum(one <= 2.0 for one in seconds) / len(seconds),
    }


def main() -> None:
    result = {**described(), "replay": replay(), "live": live()}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
