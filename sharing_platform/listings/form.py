"""The form of a listing: from its fields to the request of the API, and back. What it asks depends on the kind."""

from __future__ import annotations

from datetime import datetime, time
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from sharing_platform.listings.details import (
    DETAILS,
    TAKEN_OVER,
    EquipmentDetails,
    KnowHowDetails,
    OperatorDetails,
    TrainingDetails,
    TrainingSession,
)
from sharing_platform.listings.schemas import (
    REQUESTS,
    EquipmentIn,
    EquipmentOut,
    KnowHowIn,
    KnowHowOut,
    OperatorIn,
    OperatorOut,
    TrainingIn,
    TrainingOut,
)
from sharing_platform.pages import Form, decimal_point, split_lines, validate_form

_Listing = OperatorOut | EquipmentOut | KnowHowOut | TrainingOut
_Request = OperatorIn | EquipmentIn | KnowHowIn | TrainingIn
_FIRST, _LAST = time(0), time(23, 59)


def listing_of_form(kind: str, form: Form, zone: ZoneInfo) -> tuple[_Request | None, dict[str, str]]:
    """The request that a form makes, or the names of the fields that are wrong."""
    details, problems = validate_form(DETAILS[kind], _details(kind, form, zone))
    free = form.get("price_unit") == "free" or (kind == "equipment" and form.get("use") == "gift")
    fields: dict[str, Any] = {
        "kind": kind, "title": form.get("title"), "description": form.get("description"),
        "price": None if free else decimal_point(form.get("price")), "price_unit": "free" if free else form.get("price_unit"),
        "start": _moment(form.get("start"), _FIRST, zone), "end": _moment(form.get("end"), _LAST, zone),
    }  # fmt: skip
    if kind == "training":
        fields |= {"places": form.get("places"), "given_with": split_lines(form.get("given_with"))}
        if isinstance(details, TrainingDetails):
            fields |= _period_of(details.sessions, zone, fields)
    if details is not None:
        fields["details"] = details
    wanted, wrong = validate_form(REQUESTS[kind], fields)
    if details is None:
        wrong.pop("details", None)
        return None, problems | wrong
    return wanted, wrong


def _period_of(sessions: list[TrainingSession], zone: ZoneInfo, fields: dict[str, Any]) -> dict[str, Any]:
    """The days of a training that has sessions, where nobody has said others."""
    if not sessions:
        return {}
    first = min(one.start for one in sessions).astimezone(zone).date()
    last = max(one.end for one in sessions).astimezone(zone).date()
    return {
        "start": fields["start"] or datetime.combine(first, _FIRST, zone),
        "end": fields["end"] or datetime.combine(last, _LAST, zone),
    }


def _details(kind: str, form: Form, zone: ZoneInfo) -> dict[str, Any]:
    common = {"certificates": split_lines(form.get("certificates")), "place": form.get("place")}
    match kind:
        case "operator":
            return common | {
                "processes": split_lines(form.get("processes")), "controls": split_lines(form.get("controls")),
                "skills": split_lines(form.get("skills")), "people": form.get("people"), "reach_km": form.get("reach_km"),
                "hours_per_week": decimal_point(form.get("hours_per_week")), "conditions": form.get("conditions"),
            }  # fmt: skip
        case "equipment":
            own = {name: form.get(name) for name in ("process", "use", "condition", "make", "model", "year")}
            return common | own | ({"pick_up_by": form.get("pick_up_by")} if form.get("use") in TAKEN_OVER else {})
        case "know_how":
            return common | {
                "process": form.get("process"), "forms": split_lines(form.get("forms")),
                "fields": split_lines(form.get("fields")), "languages": split_lines(form.get("languages")),
            }  # fmt: skip
        case _:
            return common | {
                "process": form.get("process"), "languages": split_lines(form.get("languages")),
                "sessions": sessions_of_form(form, zone), "schedule": form.get("schedule"),
                "waiting_list": "waiting_list" in form, "attendance_certificate": "attendance_certificate" in form,
            }  # fmt: skip


def sessions_of_form(form: Form, zone: ZoneInfo) -> list[dict[str, Any]]:
    """A row of the form that is not filled in counts for nothing; one that is filled in halfway is wrong."""
    columns = [form.get(f"session_{name}", "").split("\n") for name in ("day", "from", "to")]
    return [
        {"start": _moment(f"{day}T{start}", _FIRST, zone), "end": _moment(f"{day}T{end}", _LAST, zone)}
        for day, start, end in zip_longest(*columns, fillvalue="")
        if day or start or end
    ]


def _moment(text: str | None, otherwise: time, zone: ZoneInfo) -> datetime | None:
    """A local day, or a local moment."""
    try:
        given = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if len(text or "") <= len("2026-01-01"):
        given = datetime.combine(given.date(), otherwise)
    return given.replace(tzinfo=zone)


def form_of_listing(listing: _Listing, zone: ZoneInfo) -> Form:
    """The fields of the form that shows it."""
    common = {
        "title": listing.title, "description": listing.description, "price": str(listing.price or ""),
        "price_unit": listing.price_unit, "start": f"{listing.start.astimezone(zone):%Y-%m-%d}",
        "end": f"{listing.end.astimezone(zone):%Y-%m-%d}", "place": listing.details.place,
        "certificates": "\n".join(listing.details.certificates),
    }  # fmt: skip
    match listing.details:
        case OperatorDetails() as d:
            return common | {
                "processes": "\n".join(d.processes), "controls": "\n".join(d.controls), "skills": "\n".join(d.skills),
                "people": str(d.people), "hours_per_week": f"{d.hours_per_week:g}" if d.hours_per_week else "",
                "reach_km": str(d.reach_km or ""), "conditions": d.conditions,
            }  # fmt: skip
        case EquipmentDetails() as d:
            return common | {
                "process": d.process, "use": d.use, "condition": d.condition or "", "make": d.make, "model": d.model,
                "year": str(d.year or ""), "pick_up_by": str(d.pick_up_by or ""),
            }  # fmt: skip
        case KnowHowDetails() as d:
            return common | {
                "process": d.process, "forms": "\n".join(d.forms), "fields": "\n".join(d.fields),
                "languages": "\n".join(d.languages),
            }  # fmt: skip
        case TrainingDetails() as d:
            return common | _form_of_training(d, zone) | {
                "places": str(listing.places or ""), "given_with": "\n".join(one.organisation for one in listing.given_with),
            }  # fmt: skip


def _form_of_training(details: TrainingDetails, zone: ZoneInfo) -> Form:
    form = {"process": details.process, "languages": "\n".join(details.languages), "schedule": details.schedule}
    ticked = {"waiting_list": details.waiting_list, "attendance_certificate": details.attendance_certificate}
    return form | form_of_sessions(details.sessions, zone) | {name: "yes" for name, given in ticked.items() if given}


def form_of_sessions(sessions: list[TrainingSession], zone: ZoneInfo) -> Form:
    """The rows of the form that show them."""
    local = [(one.start.astimezone(zone), one.end.astimezone(zone)) for one in sessions]
    return {
        "session_day": "\n".join(f"{start:%Y-%m-%d}" for start, _ in local),
        "session_from": "\n".join(f"{start:%H:%M}" for start, _ in local),
        "session_to": "\n".join(f"{end:%H:%M}" for _, end in local),
    }


def session_rows(form: Form) -> int:
    """How many rows the form shows: those that are filled in, and some to add."""
    filled = len(form["session_day"].split("\n")) if form.get("session_day") else 0
    return min(50, max(5, filled + 3))
