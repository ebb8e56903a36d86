"""Listings, notices, plans and the region's work, as the styleguide shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sharing_platform.listings.details import (
    EquipmentDetails,
    KnowHowDetails,
    OperatorDetails,
    TrainingDetails,
    TrainingSession,
)
from sharing_platform.listings.schemas import EquipmentOut, KnowHowOut, OperatorOut, TrainingOut
from sharing_platform.machines.region_map import region_map
from sharing_platform.moderation.content import Content
from sharing_platform.moderation.models import TAKEN_DOWN, Decision, Report
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, ASKED, Actor, Kind, Right, Role
from sharing_platform.process_plans.pages import bars_of
from sharing_platform.process_plans.schemas import ProcessPlanOut, ProductIn, StepOut
from sharing_platform.search.criteria import Wish
from sharing_platform.search.schemas import Reason
from sharing_platform.styleguide.machine_samples import BEGIN, PICTURES, SINT_TRUIDEN
from sharing_platform.unified_search.schemas import MachineHit
from sharing_platform.wanted.schemas import SearchOut

ACTOR = Actor("startup", Kind.SEEKER, APPROVED, frozenset(Right) - {Right.REGION})
"""Who may do all that is shown."""
ASKED_ACTOR = Actor("nieuw-3f9a1c", Kind.FACTORY, ASKED, frozenset({Right.READ, Right.ASK}), role=Role.OWNER)
"""Whom the region has still to approve."""
_UNTIL = datetime(2026, 6, 29, 22, 0, tzinfo=UTC)
"""Midnight, as days end."""

_HIT = MachineHit(
    factory="hal-2", factory_name="Hal 2", machine="mill-1", title="Freesbank DMU 50", process="milling", place="Sint-Truiden", distance_km=12.4, offer_id="o1",
    start=BEGIN + timedelta(hours=27), end=BEGIN + timedelta(hours=33), probability=0.937, price_per_hour=Decimal(60),
)  # fmt: skip


def _listing(kind: str, title: str, price: int | None, unit: str, **more: Any) -> dict[str, Any]:
    known = {
        "id": kind, "kind": kind, "organisation": "hal-2", "organisation_name": "Hal 2", "title": title, "description": "", "start": BEGIN - timedelta(hours=12), "end": _UNTIL,
        "price": price, "price_unit": unit, "places": None, "places_left": None, "given_with": [], "pictures": [], "status": "open", "changed": BEGIN, "distance_km": 12.4,
    }  # fmt: skip
    return known | more


def listing_samples() -> list[OperatorOut | EquipmentOut | KnowHowOut | TrainingOut]:
    """One of each kind."""
    session = TrainingSession(start=BEGIN + timedelta(days=5), end=BEGIN + timedelta(days=5, hours=3))
    return [
        OperatorOut(**_listing("operator", "Twee frezers voor nachtwerk", 48, "hour"), details=OperatorDetails(processes=["milling"], controls=["Heidenhain"], certificates=["VCA"], people=2, hours_per_week=32, place="Bree", reach_km=40)),
        EquipmentOut(**_listing("equipment", "Rolbank van 2009", None, "day", pictures=PICTURES[1:2]), details=EquipmentDetails(use="sale", condition="works", make="Boxford", model="X10", year=2009, place="Genk", pick_up_by=date(2026, 4, 1))),
        KnowHowOut(**_listing("know_how", "Prototypes in titanium", 90, "hour"), details=KnowHowDetails(forms=["advice", "prototype"], fields=["titanium"], languages=["nl", "en"], process="milling")),
        TrainingOut(**_listing("training", "Draaien voor beginners", 120, "place", places=8, places_left=0), details=TrainingDetails(languages=["nl"], sessions=[session], attendance_certificate=True)),
    ]  # fmt: skip


NOTICE = SearchOut(
    id="notice", title="Assen draaien, 40 stuks", text="Voor een bakfiets, uit S355.", wish=Wish(process="turning", materials=["staal"], hours=6, last_day=date(2026, 3, 15), near="Genk"),
    organisation="startup", organisation_name="Startup BV", status="open", created=BEGIN,
)  # fmt: skip
REASONS = [
    Reason(code="process", values={"process": "milling"}),
    Reason(code="hours", values={"hours": 6.0}),
    Reason(code="not_said", values={"criterion": "axes"}),
]


def _step(process: str, hours: float | None, begin: float | None) -> StepOut:
    planned = None
    if begin is not None and hours is not None:
        start = BEGIN + timedelta(hours=begin)
        planned = _HIT.model_copy(update={"start": start, "end": start + timedelta(hours=hours), "process": process})
    return StepOut(
        process=process, hours=hours, planned=planned, machines=[], operators=[], trainings=[], know_how=[], missing=[]
    )


def plan_samples() -> dict[str, Any]:
    steps = [_step("sawing", 2, 3), _step("milling", 6, 27), _step("polishing", None, None)]
    plan = ProcessPlanOut(product=ProductIn(words="beugel"), steps=steps, ready=None, makers=[])
    return {"plan": plan, "bars": bars_of(plan)}


def region_samples() -> dict[str, Any]:
    """What the region's administrators work with."""
    approved, asks = (
        Organisation(
            id=name, name=title, kind=Kind.FACTORY, status=status, vat="", country="BE", identifier="BE0123456749", claimed=None, place="Sint-Truiden",
            address="", created=BEGIN, refusal="", applications=2, application="",
        ) for name, title, status in (("hal-2", "Hal 2", APPROVED), ("nieuw-3f9a1c", "Nieuw BV", ASKED))
    )  # fmt: skip
    known = {"kind": "listing", "title": "Rolbank", "owner": "hal-2", "reported": BEGIN, "at": BEGIN, "text": "Zonder keuring mag dit niet verkocht worden."}  # fmt: skip
    taken_down = Decision(
        id="decision", subject="1", outcome=TAKEN_DOWN, ground="illegal", appealed=None, answered=None, **known
    )
    report = Report(
        id="report", kind="listing", subject="1", page="/listings/1", title="Rolbank", owner="hal-2", category="dangerous", text="Zonder CE.", name="Jef", email="jef@voorbeeld.be",
        language="nl", created=BEGIN,
    )  # fmt: skip
    return {
        "applicant": asks, "approved": approved, "resembling": {"nieuw-3f9a1c": ["Nieuw NV"]}, "decision": taken_down, "report": report, "appeal_until": _UNTIL,
        "content": Content("listing", "1", "Rolbank", "Rolbank van 2009, zonder CE.", "hal-2", "/listings/1"),
        "where": {"region": region_map(), "municipality": region_map().nearest(SINT_TRUIDEN)},
        "exports": {"bookings": {"dated": True}, "organisations": {"dated": False}}, "this_year": BEGIN.year,
        "told": {"nl": [("", "Wie mag hier iets delen?"), ("-", "Bedrijven uit Limburg."), ("+", "Bedrijven uit Limburg en de buurt.")]},
    }  # fmt: skip


def other_samples() -> dict[str, Any]:
    return {
        "listings": listing_samples(),
        "notice_one": NOTICE,
        "hit": _HIT,
        "match_reasons": REASONS,
        "pictures": PICTURES,
    }
