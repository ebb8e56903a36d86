"""The policy files of the demo."""

from __future__ import annotations

from simulators.limburg import SimulatedPlant

REPLAY_FACTORY, REPLAY_MACHINE = "recording", "meter-1"

# In the recording the base load is below 25 kW and production above. One threshold suffices, because means over quarter
# hours do not flicker.
REPLAY_THRESHOLD_W = 25_000.0

_PRICES = {
    "frees-5as": 85,
    "draaibank-1": 62,
    "laser-1": 95,
    "vonkerosie-1": 58,
    "slijpbank-1": 55,
    "kantpers-1": 48,
    "lasrobot-1": 72,
    "frees-3as": 58,
    "draaibank-2": 54,
    "plaatschaar-1": 38,
    "waterstraal-1": 88,
    "portaalfrees-1": 120,
}
"""Euros an hour. What the written-off machine costs is to be agreed."""
_ON_REQUEST = {"frees-5as", "portaalfrees-1"}
"""A planner wants to see first what is to be made on them."""


def demo_policy(plant: SimulatedPlant) -> str:
    """Offers evenings, Saturdays, and daytime hours without work."""
    lines = [
        f'factory = "{plant.factory}"',
        'zone = "Europe/Brussels"',
        'holidays = "BE"',
        'offered = ["mon-fri 06:00-22:00", "sat 08:00-18:00"]',
        'minimum_slot = "2h"',
        'maximum_slot = "8h"',
        'notice = "1h"',
        'changeover_gap = "30min"',
        "required_probability = 0.75",
        "share_live_state = true",
        "",
    ]
    for machine in plant.machines:
        lines += [f"[machine.{machine.machine}]", f'title = "{machine.title}"', f'process = "{machine.process}"']
        lines += ['booking = "on_request"'] if machine.machine in _ON_REQUEST else []
        lines += [f"price = {{ per_hour = {_PRICES[machine.machine]} }}", ""] if machine.machine in _PRICES else [""]
    return "\n".join(lines)


def replay_policy(zone: str) -> str:
    """Offers all hours; the holidays are those of the recording's zone."""
    return "\n".join(
        [
            f'factory = "{REPLAY_FACTORY}"',
            f'zone = "{zone}"',
            'minimum_slot = "2h"',
            'notice = "0h"',
            "required_probability = 0.75",
            "share_live_state = true",
            "",
            f"[machine.{REPLAY_MACHINE}]",
            'title = "Recorded power meter"',
            "",
        ]
    )


def replay_machines_toml(modbus_port: int, interval_s: float) -> str:
    """Machines of an agent that polls once per row of the recording."""
    return "\n".join(
        [
            "[[modbus]]",
            f'id = "{REPLAY_MACHINE}"',
            'host = "127.0.0.1"',
            f"port = {modbus_port}",
            'template = "eastron-sdm630"',
            f'poll_interval = "{interval_s:g}s"',
            f"thresholds = {{ idle_below_w = {REPLAY_THRESHOLD_W}, working_from_w = {REPLAY_THRESHOLD_W} }}",
            "",
        ]
    )
