"""What columns, measures and kinds of the published figures mean, in three languages."""

from __future__ import annotations

from sharing_platform.i18n import Translator
from sharing_platform.regional_statistics.events import OTHER
from sharing_platform.regional_statistics.files import COLUMNS
from sharing_platform.regional_statistics.summary import LISTING_KINDS, Measure
from sharing_platform.search.vocabulary import BY_CODE, PROCESSES, process_name


def kind_name(t: Translator, code: str) -> str:
    """A process, or the kind of a listing, in words."""
    if code == OTHER:
        return t("processes_unknown")
    if code in LISTING_KINDS:
        return t(f"section_{code}")
    return process_name(code, t.language)


def columns(t: Translator) -> list[tuple[str, str]]:
    return [(name, t(f"column_{name}")) for name in COLUMNS]


def measures(t: Translator) -> list[tuple[str, str]]:
    return [(one.value, t(f"measure_{one.value}")) for one in Measure]


def kinds(t: Translator) -> list[tuple[str, str]]:
    """Processes with their group of DIN 8580, and listings."""
    processes = [(one.code, _with_group(t, one.code)) for one in PROCESSES]
    return [*processes, (OTHER, kind_name(t, OTHER)), *((one, kind_name(t, one)) for one in LISTING_KINDS)]


def _with_group(t: Translator, code: str) -> str:
    name, din = process_name(code, t.language), BY_CODE[code].din
    return f"{name} (DIN 8580: {din})" if din else name
