"""What formats of industry tell of a machine: what its page tells, and no more. Pure.

Words of the platform's vocabulary are told in each of its languages; what a factory has written itself is in a language that nobody knows ("und", BCP 47).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.schemas import MachineOut
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.vocabulary import known_process, material_names, process_name

UNDETERMINED = "und"
DIN_8580 = "DIN 8580:2022-12"

_ON_THE_PAGE = {
    "make": "make", "model": "model", "envelope_mm": "workpiece", "axes": "axes", "materials": "materials", "tolerance_mm": "tolerance",
    "table_load_kg": "table_load", "certificates": "certificates",
}  # fmt: skip
"""Fields of `MachineDetails`, and what they are called there."""

Words = Mapping[str, str]
"""By language."""


@dataclass(frozen=True)
class MachineDescription:
    """`factory`, `factory_name`, `machine` and `title` as whoever asks may know them. `details` hold an address where the factory itself asks: no format tells it."""

    factory: str
    factory_name: str
    machine: str
    title: str
    process: str
    details: MachineDetails

    @classmethod
    def of(cls, shown: MachineOut) -> MachineDescription | None:
        """None of an anonymous machine, whose factory is nobody's business."""
        if shown.factory is None:
            return None
        name = shown.factory_name or shown.factory
        return cls(shown.factory, name, shown.machine, shown.title, shown.process, shown.details)

    @classmethod
    def of_entry(cls, entry: IndexEntry) -> MachineDescription | None:
        if entry.factory is None:
            return None
        name, document = entry.factory_name or entry.factory, entry.document
        return cls(entry.factory, name, entry.machine, document.title, document.process, document.details)


@dataclass(frozen=True)
class ProcessOf:
    """A process of a machine. `key`: its code in the platform's vocabulary, else the words themselves. `din_8580`: its class, empty where nobody knows it."""

    key: str
    names: Words
    din_8580: str

    @property
    def classes(self) -> list[str]:
        """Its class of DIN 8580 and those above it, the narrowest first: 3.2.3, 3.2, 3."""
        parts = self.din_8580.split(".") if self.din_8580 else []
        return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


@dataclass(frozen=True)
class Measure:
    """A number that a machine is described by. `key` names it in formats that want a name."""

    key: str
    names: Words
    value: float
    unit: str


def processes_of(machine: MachineDescription) -> list[ProcessOf]:
    """Each once, the main one first."""
    found: dict[str, ProcessOf] = {}
    for place, words in enumerate([machine.process, *machine.details.processes]):
        process = known_process(words)
        if not words or (process.code if process else words.casefold()) in found:
            continue
        # The class that the factory gives is that of the main process.
        din = (machine.details.din_8580 if not place else "") or (process.din if process else "")
        if process is None:
            one = ProcessOf(words, written(words), din)
        else:
            one = ProcessOf(
                process.code, {language: process_name(process.code, language) for language in LANGUAGES}, din
            )
        found[one.key.casefold()] = one
    return list(found.values())


def measures_of(details: MachineDetails) -> list[Measure]:
    """What the factory has said, in the order of the machine's page."""
    found = []
    for side, value in zip(("X", "Y", "Z"), details.envelope_mm or (), strict=False):
        names = {language: texts(language)["largest_workpiece"].format(side=side.lower()) for language in LANGUAGES}
        found.append(Measure(f"LargestWorkpiece{side}", names, value, "mm"))
    for key, text, number, unit in (
        ("NumberOfAxes", "number_of_axes", details.axes, ""),
        ("Tolerance", "tolerance_mm", details.tolerance_mm, "mm"),
        ("TableLoad", "table_load_kg", details.table_load_kg, "kg"),
    ):
        if number is not None:
            found.append(Measure(key, translated(text), number, unit))
    return found


def materials_of(details: MachineDetails) -> list[Words]:
    return [material_names(one) or written(one) for one in details.materials]


def translated(text: str) -> Words:
    """A text of the platform in each of its languages."""
    return {language: texts(language)[text] for language in LANGUAGES}


def written(words: str) -> Words:
    """What a factory has written itself."""
    return {UNDETERMINED: words}


def missing_of(machine: MachineDescription, language: str) -> list[str]:
    """What has not been said of a machine on the platform, as its page calls it."""
    details, words = machine.details, texts(language)
    found = [] if machine.process or details.processes else [words["process"]]
    return found + [words[text] for field, text in _ON_THE_PAGE.items() if not getattr(details, field)]
