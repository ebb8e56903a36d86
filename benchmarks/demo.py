"""The demo as a newcomer starts it: `make bench-demo` writes benchmarks/results/demo.json.

Seconds from the command to "Live now", processor time and the most memory of all its processes until then: for a new folder, and for a start that goes on from there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from tests.processes import cpu_s, memory_mb
from vrijloop.demo.workplace import free_ports

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "demo.json"
AIM_S, AIM_MB = 90, 2000
_EVERY_S = 0.5


def start(folder: Path) -> dict[str, Any]:
    """From the command until it is live, and to its end."""
    log, began, most = folder / "said.txt", time.monotonic(), 0.0
    with log.open("wb") as sink:
        command = [
            sys.executable,
            "-m",
            "vrijloop",
            "demo",
            "--data-dir",
            str(folder / "data"),
            "--port",
            str(free_ports(1)[0]),
        ]
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=os.environ | {"COLUMNS": "200"})
    while "Live now" not in log.read_text():
        if process.poll() is not None:
            sys.exit(log.read_text())
        most = max(most, memory_mb(process.pid))
        time.sleep(_EVERY_S)
    measured = {
        "ready_s": round(time.monotonic() - began, 1),
        "cpu_s": round(cpu_s(process.pid), 1),
        "peak_mb": round(max(most, memory_mb(process.pid))),
    }
    process.send_signal(signal.SIGINT)
    process.wait(60)
    return measured


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        runs = {"first": start(Path(name)), "again": start(Path(name))}
    result = {**described(), "aims": {"ready_s": AIM_S, "peak_mb": AIM_MB}, "load": os.getloadavg()[0], **runs}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
