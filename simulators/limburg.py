"""The demo's factory: eight machines of a supplier in Genk that lost its largest customer."""

from __future__ import annotations

from datetime import time

from simulators.factory_plan import WORKDAYS, MachineCharacter, Shift

FACTORY = "genk-toelevering"

EARLY, LATE, NIGHT = (time(6), time(14)), (time(14), time(22)), (time(22), time(6))

OPCUA_MACHINES = (
    MachineCharacter(
        "frees-5as",
        "Frees5As",
        "DMG Mori",
        "DMU 50",
        "5-assige freesmachine",
        "frezen",
        (Shift((0, 1, 2), *EARLY, load=0.93), Shift((3,), time(6), time(12), load=0.9)),
    ),
    MachineCharacter(
        "draaibank-1",
        "Draaibank1",
        "Mazak",
        "QT-250",
        "CNC-draaibank met aangedreven gereedschap",
        "draaien",
        (Shift(WORKDAYS, *EARLY, load=0.95), Shift((0, 1), *LATE, load=0.85)),
        cycle_min=(5.0, 12.0),
    ),
    MachineCharacter(
        "laser-1",
        "Laser1",
        "Trumpf",
        "TruLaser 3030",
        "Lasersnijmachine 4 kW",
        "lasersnijden",
        (Shift(WORKDAYS, *EARLY, load=0.95), Shift(WORKDAYS, *LATE, load=0.92)),
        lunch=False,
        cycle_min=(6.0, 18.0),
        switched_off_at_night=False,
    ),
    MachineCharacter(
        "vonkerosie-1",
        "Vonkerosie1",
        "Sodick",
        "AQ55L",
        "Zinkvonkmachine, onbemand",
        "vonkeroderen",
        (Shift((0, 1, 2, 3, 4, 5, 6), time(0), time(0), load=0.97, on_holidays=True),),
        lunch=False,
        cycle_min=(10.0, 18.0),
        part_gap_min=(1.0, 2.0),
        parts_per_job=(40, 80),
        setup_min=(10.0, 20.0),
        switched_off_at_night=False,
    ),
    MachineCharacter(
        "slijpbank-1",
        "Slijpbank1",
        "Studer",
        "S33",
        "Rondslijpmachine",
        "slijpen",
        (Shift((1, 3), *EARLY, load=0.9),),
        cycle_min=(10.0, 25.0),
    ),
)

METERED_MACHINES = (
    MachineCharacter(
        "kantpers-1",
        "Kantpers1",
        "LVD",
        "PPEB 135",
        "Kantpers 135 ton",
        "plooien",
        (Shift(WORKDAYS, *EARLY, load=0.88),),
        cycle_min=(6.0, 14.0),
        power_w=(25.0, 700.0, 5200.0),
    ),
    MachineCharacter(
        "oude-kotterbank",
        "OudeKotterbank",
        "Union",
        "BFT 90",
        "Kotterbank, afgeschreven",
        "kotteren",
        (Shift((2,), time(8), time(10), load=0.25),),
        breakdown_per_job=0.0,
        power_w=(0.0, 450.0, 4000.0),
    ),
)

PLC_MACHINES = (
    MachineCharacter(
        "lasrobot-1",
        "Lasrobot1",
        "Valk Welding",
        "TL-2000",
        "Lasrobotcel",
        "lassen",
        (Shift(WORKDAYS, *EARLY, load=0.9), Shift(WORKDAYS, *LATE, load=0.6)),
        cycle_min=(9.0, 16.0),
    ),
)

MACHINES = (*OPCUA_MACHINES, *METERED_MACHINES, *PLC_MACHINES)
