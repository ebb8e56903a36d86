"""The demo's three factories: a supplier in Genk that lost its largest customer, a metal shop in Sint-Truiden and a machine builder in Lommel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from simulators.factory_plan import WORKDAYS, MachineCharacter, Shift

EARLY, LATE = (time(6), time(14)), (time(14), time(22))


@dataclass(frozen=True)
class SimulatedPlant:
    """A factory and how its machines are read: over OPC UA, through Modbus power meters, or from the status word of a PLC."""

    factory: str
    opcua: tuple[MachineCharacter, ...] = ()
    metered: tuple[MachineCharacter, ...] = ()
    plc: tuple[MachineCharacter, ...] = ()

    @property
    def machines(self) -> tuple[MachineCharacter, ...]:
        return (*self.opcua, *self.metered, *self.plc)


_GENK_OPCUA = (
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

_GENK_METERED = (
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

_GENK_PLC = (
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

GENK = SimulatedPlant("genk-toelevering", _GENK_OPCUA, _GENK_METERED, _GENK_PLC)

SINT_TRUIDEN = SimulatedPlant(
    "haspengouw-metaal",
    opcua=(
        MachineCharacter(
            "frees-3as",
            "Frees3As",
            "Haas",
            "VF-4",
            "Verticaal bewerkingscentrum, 3 assen",
            "frezen",
            (Shift(WORKDAYS, *EARLY, load=0.9),),
            cycle_min=(8.0, 22.0),
        ),
        MachineCharacter(
            "draaibank-2",
            "Draaibank2",
            "Doosan",
            "Puma 2600",
            "CNC-draaibank met stangaanvoer",
            "draaien",
            (Shift((0, 1, 2, 3), *EARLY, load=0.92), Shift((0, 1), *LATE, load=0.8)),
            cycle_min=(5.0, 14.0),
        ),
    ),
    metered=(
        MachineCharacter(
            "plaatschaar-1",
            "Plaatschaar1",
            "Safan",
            "VS 310",
            "Plaatschaar 3 m",
            "knippen",
            (Shift((0, 2, 4), time(7), time(12), load=0.6),),
            cycle_min=(4.0, 9.0),
            power_w=(20.0, 600.0, 4800.0),
        ),
    ),
)

LOMMEL = SimulatedPlant(
    "maes-machinebouw",
    metered=(
        MachineCharacter(
            "waterstraal-1",
            "Waterstraal1",
            "Resato",
            "R-LCM 3015",
            "Waterstraalsnijder",
            "waterstraalsnijden",
            (Shift((0, 1, 2, 3), *EARLY, load=0.85),),
            cycle_min=(15.0, 45.0),
            power_w=(40.0, 900.0, 22000.0),
        ),
    ),
    plc=(
        MachineCharacter(
            "portaalfrees-1",
            "Portaalfrees1",
            "Zayer",
            "GMC 4000",
            "Portaalfreesmachine 4 m",
            "frezen",
            (Shift((0, 1, 2), time(6), time(16), load=0.9),),
            cycle_min=(30.0, 90.0),
            parts_per_job=(2, 6),
        ),
    ),
)

PLANTS = (GENK, SINT_TRUIDEN, LOMMEL)
