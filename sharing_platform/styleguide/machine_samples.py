"""Machines, their hours and what is chosen of them, as the styleguide shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sharing_platform.i18n import Translator
from sharing_platform.machines.choices import FurtherChoice, choice_of, together
from sharing_platform.machines.comparison import Compared, comparison
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.machine_results import MachineResult
from sharing_platform.machines.models import Offer
from sharing_platform.machines.no_results import Filter, Suggestion
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.machines.region_map import map_of, region_map
from sharing_platform.machines.service import StateShown
from sharing_platform.machines.windows import Window
from sharing_platform.occupancy import TrackRecord
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import MatchReason, Ranking, document_of
from sharing_platform.search.vocabulary import process_name

BEGIN = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
"""Noon of a Monday."""
WEEK = [(date(2026, 3, 2) + timedelta(days=number), [(0.3, 0.8)] if number % 3 == 0 else []) for number in range(7)]
"""Days of which some hours are free, as a strip shows them."""
PICTURES = [
    PictureOut(id=str(number), path=f"/styleguide/pictures/{number}", alt=f"Picture {number}") for number in (1, 2, 3)
]
GENK, SINT_TRUIDEN = (50.965, 5.5), (50.816, 5.186)

MILL = IndexEntry(
    "hal-2",
    "Hal 2",
    "mill-1",
    document_of(
        "Freesbank DMU 50",
        "milling",
        MachineDetails(
            axes=5, envelope_mm=(500, 450, 400), materials=["aluminium", "inox"], certificates=["ISO 9001"],
            included=["gereedschap", "opmeten"], tolerance_mm=0.01, table_load_kg=300,
        ),
        at=SINT_TRUIDEN,
        place="Sint-Truiden",
    ),
    PICTURES[0],
)  # fmt: skip
LATHE = IndexEntry(
    "maes",
    "Maes Metaal",
    "lathe-2",
    document_of("Draaibank CTX", "turning", MachineDetails(axes=2, materials=["staal"]), at=GENK, place="Genk"),
)
ANONYMOUS = IndexEntry(
    None,
    None,
    "machine-4f1e09ab",
    document_of("Machine 4f1e09ab", "welding", MachineDetails(), at=GENK, coarse=True),
)


def offer(entry: IndexEntry, number: int, start_h: float, hours: float, sure: float = 0.937, **more: Any) -> Offer:
    """As it would be read from the database."""
    start, end = BEGIN + timedelta(hours=start_h), BEGIN + timedelta(hours=start_h + hours)
    known: dict[str, Any] = {
        "id": f"o{number}", "own_id": f"o{number}", "public_id": f"o{number}", "alias": None, "factory": entry.factory or "hal-3", "machine": entry.machine,
        "offered_start": start, "offered_end": end, "start": start, "end": end, "probability": sure, "by_hand": False, "checked": 40, "broken": 2,
        "operator": "included", "price_per_hour": Decimal(60), "price_minimum": None, "prices": [], "lowest_per_hour": Decimal(60), "visibility": "public",
        "booking": "on_request", "windows": [], "minimum_hours": 2.0, "maximum_hours": None, "cancellation_hours": 24, "status": "open",
    }  # fmt: skip
    return Offer(**known | more)


def ranked(
    entry: IndexEntry, of: Offer, *reasons: MatchReason, distance: float | None = None, best_h: float = 0
) -> RankedOffer:
    """`best_h`: of how many of its hours the best window is; 0: of all."""
    end = of.start + timedelta(hours=best_h) if best_h else of.end
    return RankedOffer(of, entry, Ranking(1.0, reasons, distance), Window(of.start, end, of.probability))


_OF_MILL = [ranked(MILL, offer(MILL, number, 3 + 24 * number, 6 - number % 3)) for number in range(5)]
_FITS = ranked(
    MILL,
    _OF_MILL[0].offer,
    MatchReason("process", {"process": "milling"}),
    MatchReason("axes", {"value": 5}),
    distance=12.4,
    best_h=4,
)
_OF_LATHE = ranked(
    LATHE, offer(LATHE, 9, 27, 8, price_per_hour=None, lowest_per_hour=None, by_hand=True, probability=0.0)
)
_OF_ANONYMOUS = ranked(ANONYMOUS, offer(ANONYMOUS, 10, 51, 4, checked=0, broken=0, booking="instant"))


def results() -> list[MachineResult]:
    return [
        MachineResult(MILL, _FITS, [_FITS, *_OF_MILL[1:]], False, WEEK),
        MachineResult(LATHE, _OF_LATHE, [_OF_LATHE], False, WEEK[2:] + WEEK[:2]),
        MachineResult(ANONYMOUS, _OF_ANONYMOUS, [_OF_ANONYMOUS], False, WEEK),
    ]


def search_samples() -> dict[str, Any]:
    """What the list, the week and the filter of a search are made of."""
    days = [(day, [(_OF_MILL[0], *span) for span in spans]) for day, spans in WEEK]
    return {
        "results": results(), "found": _OF_MILL, "days": days, "first_day": WEEK[0][0], "wish_hours": 4.0, "further": "skip=24", "week": False,
        "filters": [Filter("process", "frezen", "hours=4"), Filter("hours", "4 uur", "process=milling"), Filter("distance", "hoogstens 30 km van Genk", "hours=4")],
        "relaxed": [Suggestion("frezen", 3, False, "hours=4"), Suggestion("4 uur", 1, False, "process=milling")],
        "earlier": "week=2026-02-23", "later": "week=2026-03-09", "as_list": "", "as_week": "view=week", "saveable": "process=milling", "chosen": "hours=4",
        "compared": [MILL.key], "compared_elsewhere": [], "compare_for": [], "beside_words": 3, "folded_used": 1, "follows": False, "filtered": True,
        "other_processes": [], "map": map_of((one.document for one in (MILL, LATHE, ANONYMOUS)), region_map()),
        "search_machines": [MILL, LATHE],
        "states": [
            (MILL, StateShown("in_use", BEGIN - timedelta(hours=2), None)), (LATHE, StateShown("free", None, BEGIN)),
            (ANONYMOUS, StateShown("not_free", None, BEGIN)), (IndexEntry("hal-2", "Hal 2", "drill-5", document_of("Kolomboor", "drilling", MachineDetails())), StateShown("standing_still", BEGIN - timedelta(hours=1), None)),
            (IndexEntry("hal-2", "Hal 2", "saw-3", document_of("Zaag", "sawing", MachineDetails())), StateShown("out_of_service", None, None)),
            (IndexEntry("hal-2", "Hal 2", "press-4", document_of("Kantpers", "", MachineDetails())), StateShown("not_shown", None, None)),
        ],
    }  # fmt: skip


def choice_samples() -> dict[str, Any]:
    """Hours that somebody has chosen, and further ones of the same machine."""
    first, second = _OF_MILL[0].offer, _OF_MILL[1].offer
    chosen, other = choice_of(first, BEGIN, first.start, timedelta(hours=4)), choice_of(second, BEGIN)
    if chosen is None or other is None:
        raise ValueError("the samples are hours that can be chosen")
    further = [FurtherChoice(second, True, other)]
    return {
        "offer": first, "choice": chosen, "further_choice": further, "together": together(chosen, further), "instant": False, "goes_on": False,
    }  # fmt: skip


def comparison_samples(t: Translator) -> dict[str, Any]:
    machines = [
        Compared(MILL, _FITS, WEEK, 12.4, TrackRecord(12, 1, 0)),
        Compared(LATHE, _OF_LATHE, WEEK[2:] + WEEK[:2], 30.0, TrackRecord(3, 0, 1)),
        Compared(ANONYMOUS, None, [(day, []) for day, _ in WEEK], None, None),
    ]
    rows = comparison(machines, 4.0, t, process_name)
    without = {one.entry.key: "hours=4" for one in machines}
    return {"compared_machines": machines, "compared_rows": rows, "without": without}


def calendar_samples(t: Translator) -> dict[str, Any]:
    """Of each item when it begins and ends (day and hour of a month), its kind, and what it says."""
    return {
        "calendar_items": [
            ("02T09:00", "02T18:00", "free", t("calendar_free", percent=t.percent(0.937))), ("02T11:00", "02T14:00", "chosen", t("calendar_chosen")),
            ("03T09:00", "03T13:00", "held", t("state_held")), ("03T14:00", "03T18:00", "accepted", t("state_accepted")), ("04T09:00", "04T16:00", "kept", t("calendar_kept")),
        ]
    }  # fmt: skip
