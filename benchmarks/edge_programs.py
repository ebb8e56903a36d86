"""The programs of the edge agent's benchmarks: the agent with its configuration, and the simulators."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.edge_factory import machine_names, meter_names

QUICK = bool(os.environ.get("BENCH_QUICK"))


def configuration(folder: Path, broker: str, opcua: int, modbus: int, machines: int, meters: int) -> Path:
    lines = [
        f'[agent]\nfactory = "bench"\ngateway = "gw-1"\ndata_dir = "{folder}/agent"\n[mqtt]\nurl = "{broker}"\n',
        f'[[opcua]]\nendpoint = "opc.tcp://127.0.0.1:{opcua}/vrijloop/simulator"\n' if machines else "",
        *(f'[[opcua.machine]]\nid = "{name}"\nbrowse_name = "{name}"\n' for name in machine_names(machines)),
        *(
            f'[[modbus]]\nid = "{name}"\nhost = "127.0.0.1"\nport = {modbus + place}\ntemplate = "eastron-sdm630"\n'
            'values = ["current_l1", "import_energy"]\n'
            "thresholds = { off_below_w = 100, idle_below_w = 1500, working_from_w = 2500 }\n"
            for place, name in enumerate(meter_names(meters))
        ),
    ]
    path = folder / "agent.toml"
    path.write_text("".join(lines))
    return path


def start_agent(folder: Path, config: Path, ending: ExitStack) -> subprocess.Popen[bytes]:
    return start_logged(
        [sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)], folder / "agent.log", ending
    )


def start_logged(command: Sequence[str], log: Path, ending: ExitStack) -> subprocess.Popen[bytes]:
    """A program that is ended at the end."""
    with log.open("wb") as said:
        program = subprocess.Popen(command, stdout=said, stderr=said)
    ending.callback(program.wait)
    ending.callback(program.terminate)
    return program


def start_factory(opcua: int, modbus: int, *size: int) -> subprocess.Popen[str]:
    """`size`: machines, meters, and the seconds between changes, as `benchmarks.edge_factory` takes them."""
    command = [sys.executable, "-m", "benchmarks.edge_factory", *map(str, (opcua, modbus, *size))]
    factory = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert factory.stdout is not None
    factory.stdout.readline()
    return factory


def rss_mb(pid: int) -> float:
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1000
