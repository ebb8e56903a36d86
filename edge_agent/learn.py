"""`vrijloop agent learn`: watches a meter or reads a recording, and proposes thresholds."""

from __future__ import annotations

import asyncio
import csv
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_agent.configuration import AgentSettings, ModbusDevice
from edge_agent.power_levels import Proposal
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.modbus import ModbusReader
from edge_agent.sources.modbus_line import ModbusLine
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugMachine
from telemetry import Clock, UserError
from telemetry.duration import format_duration

_SAMPLE_EVERY = timedelta(seconds=1)
"""Power over Sparkplug comes when it changes; what counts is how long it was so."""
_ROWS = 24
_BAR = 48


@dataclass(frozen=True, slots=True)
class Meter:
    """A machine's power. `open`: gives, inside `async with`, a function that reads watts, or None if there are none."""

    interval: timedelta
    open: Callable[[Clock], AbstractAsyncContextManager[Callable[[], Awaitable[float | None]]]]


def meter_of(settings: AgentSettings, machine: str) -> Meter:
    """The meter of this machine. Raises UserError if there is no such machine or it has no meter."""
    meters = {
        device.id: Meter(device.poll_interval, partial(_modbus_power, device))
        for device in settings.modbus
        if device.device.is_meter
    }
    for table in settings.sparkplug_input:
        meters |= {
            one.id: Meter(_SAMPLE_EVERY, partial(_sparkplug_power, settings, table, one))
            for one in table.machine
            if one.power is not None
        }
    if machine not in meters:
        known = ", ".join(meters) or "none"
        raise UserError(
            f"there is no machine {machine!r} with a power meter in the configuration (there are: {known})."
        )
    return meters[machine]


@asynccontextmanager
async def _modbus_power(device: ModbusDevice, clock: Clock) -> AsyncIterator[Callable[[], Awaitable[float | None]]]:
    line = ModbusLine(device)
    reader = ModbusReader(device, line)
    line.join()

    async def read() -> float | None:
        with suppress(SourceLostError):
            return (await reader.read_values(clock.now())).get("active_power")
        return None

    try:
        yield read
    finally:
        await line.leave()


def _sparkplug_power(
    settings: AgentSettings, table: SparkplugInput, machine: SparkplugMachine, clock: Clock
) -> AbstractAsyncContextManager[Callable[[], Awaitable[float | None]]]:
    # Imported here: protobuf takes some megabytes, which no other agent needs.
    from edge_agent.sparkplug_learn import sparkplug_power

    return sparkplug_power(table, machine, settings.broker_of(table), settings.host_client_id("learn"), clock)


def read_power_csv(path: Path, interval: timedelta) -> list[float]:
    """Watts from a CSV with a column `power_w`, or `usage_kwh` per `interval`. Raises UserError with the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if "power_w" in columns:
                column, factor = "power_w", 1.0
            elif "usage_kwh" in columns:
                column, factor = "usage_kwh", 1000 * 3600 / interval.total_seconds()
            else:
                raise UserError(
                    f"{path}:1: a column `power_w` or `usage_kwh` is needed; there are: {', '.join(columns)}."
                )
            return [_number(path, reader.line_num, column, row[column]) * factor for row in reader]
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a CSV file ({error}).") from error


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}:{line}: {column} {text!r} is not a number.")
    return value


async def watch_power(
    meter: Meter, clock: Clock, length: timedelta, stop: asyncio.Event, on_reading: Callable[[float, float], None]
) -> list[float]:
    """Watts at every interval until `length` has passed or `stop` is set. `on_reading` is called with the elapsed share of `length` and the watts.

    A missing reading does not change the distribution.
    """
    begin, power_w = clock.now(), list[float]()
    async with meter.open(clock) as read:
        while not stop.is_set() and clock.now() - begin < length:
            value = await read()
            if value is not None:
                power_w.append(value)
                on_reading((clock.now() - begin) / length, value)
            with suppress(TimeoutError):
                async with asyncio.timeout(meter.interval.total_seconds()):
                    await stop.wait()
    return power_w


def as_json(proposal: Proposal, interval: timedelta) -> dict[str, object]:
    thresholds = proposal.thresholds
    return {
        "levels": [{"median_w": level.median_w, "share": round(level.share, 4)} for level in proposal.levels],
        "thresholds": asdict(thresholds) if thresholds else None,
        "dwell": {
            state.value: format_duration(samples * interval) for state, samples in proposal.dwell_samples.items()
        },
        "remarks": list(proposal.remarks),
    }


def render(proposal: Proposal, interval: timedelta) -> RenderableType:
    """The distribution as a bar chart, the levels, and the lines for the configuration."""
    parts: list[RenderableType] = []
    if proposal.density:
        parts.append(_chart(proposal))
    if proposal.levels:
        table = Table("Level", "Median", "Share of time")
        for place, level in enumerate(proposal.levels, start=1):
            table.add_row(str(place), watts(level.median_w), f"{level.share:.1%}")
        parts.append(table)
    parts += [Text(remark, style="yellow") for remark in proposal.remarks]
    parts += [Text(line, style="bold") for line in configuration_lines(proposal, interval)]
    return Group(*parts)


def configuration_lines(proposal: Proposal, interval: timedelta) -> list[str]:
    """The lines to paste below the machine's [[modbus]] or [[sparkplug_input.machine]]; none if no thresholds are proposed."""
    thresholds = proposal.thresholds
    if thresholds is None:
        return []
    lines = [
        (
            f"thresholds = {{ off_below_w = {thresholds.off_below_w:g}, idle_below_w = {thresholds.idle_below_w:g}, "
            f"working_from_w = {thresholds.working_from_w:g} }}"
        )
    ]
    if proposal.dwell_samples:
        values = [f'{state.value} = "{format_duration(n * interval)}"' for state, n in proposal.dwell_samples.items()]
        lines.append(f"dwell = {{ {', '.join(values)} }}")
    return lines


def _chart(proposal: Proposal) -> Table:
    group = math.ceil(len(proposal.density) / _ROWS)
    sums = [sum(proposal.density[start : start + group]) for start in range(0, len(proposal.density), group)]
    table = Table("Power", "Share of time, logarithmic scale of power", box=None)
    for row, share in enumerate(sums):
        low, high = proposal.edges_w[row * group], proposal.edges_w[min((row + 1) * group, len(proposal.edges_w) - 1)]
        table.add_row(watts(low), "█" * round(share / max(sums) * _BAR) + _marks(proposal, low, high))
    return table


def _marks(proposal: Proposal, low: float, high: float) -> str:
    if proposal.thresholds is None:
        return ""
    values = asdict(proposal.thresholds)
    return "".join(f"  ← {name}" for name, value in values.items() if value and low <= value < high)


def watts(value: float) -> str:
    return f"{value / 1000:.3g} kW" if value >= 1000 else f"{value:.3g} W"


def write_png(proposal: Proposal, path: Path, title: str) -> None:
    """Draw the distribution and the thresholds. Raises UserError if matplotlib is not installed or the file cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise UserError("--png needs matplotlib: install `vrijloop[learn]`.") from None
    if not proposal.density:
        raise UserError("there is no distribution to draw: " + " ".join(proposal.remarks))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.fill_between(proposal.edges_w[1:], proposal.density, step="pre", color="#56B4E9")
    axes.set(xscale="log", xlabel="active power (W)", ylabel="share of time", title=title)
    if proposal.thresholds is not None:
        for place, (name, value) in enumerate(asdict(proposal.thresholds).items()):
            if value:
                axes.axvline(value, color="#D55E00", linestyle="--")
                height, side = axes.get_ylim()[1] * (1 - 0.09 * place), "left" if name == "working_from_w" else "right"
                axes.text(value, height, f" {name} {watts(value)} ", va="top", ha=side, fontsize=8)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from error


def save_csv(path: Path, power_w: Sequence[float]) -> None:
    """Write one column, `power_w`. Raises UserError if the file cannot be written."""
    try:
        path.write_text("power_w\n" + "".join(f"{power:g}\n" for power in power_w), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from error
