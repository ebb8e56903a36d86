"""The OpenAPI description: what FastAPI finds, with examples, problem details and the ways to sign in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from sharing_platform.bounds import MOST_FILES
from sharing_platform.problems import ProblemOut, problems

_START, _END = "2026-12-07T07:00:00Z", "2026-12-07T15:00:00Z"
_WISH = {
    "process": "milling", "axes": 5, "materials": ["aluminium"], "workpiece_mm": [400, 300, 200], "hours": 8,
    "last_day": "2027-01-15", "near": "Sint-Truiden", "within_km": 40,
}  # fmt: skip

EXAMPLES: dict[str, dict[str, Any]] = {
    "OfferIn": {
        "factory": "hal-2", "machine": "mill-1", "start": _START, "end": _END, "probability": 0.97, "checked": 60, "broken": 1,
        "price_per_hour": "60.00", "minimum_hours": 2, "buffer_minutes": 30, "booking": "on_request",
        "windows": [
            {"start": _START, "end": "2026-12-07T12:00:00Z", "probability": 0.98},
            {"start": "2026-12-07T09:00:00Z", "end": _END, "probability": 0.97},
        ],
    },
    "FiguresOut": {
        "weeks": ["2026-11-02", "2026-11-09"],
        "figures": [
            {"week": "2026-11-09", "subject": "machine", "measure": "free", "kind": "milling", "area": "haspengouw", "municipality": "Sint-Truiden", "size": 140, "unit": "hours"},
            {"week": "2026-11-09", "subject": "machine", "measure": "free", "kind": "milling", "area": "haspengouw", "municipality": "", "size": 90, "unit": "hours"},
        ],
        "flows": [{"quarter": "2026-06-29", "kind": "milling", "area": "haspengouw", "towards": "hasselt_genk", "hours": 120}],
        "next": None,
    },
    "AssessmentAnswersIn": {"answers": [{"question": "machine_data", "level": 2}, {"question": "circular_products", "level": None}]},
    "StrengthIn": {"questions": ["machine_data", "work_orders"], "listing": "6f1c4a9e-54b1-4c8e-9d0b-0d7c7e1c2f55", "name_shown": True},
    "GoalIn": {"level": 3, "day": "2027-12-31"},
    "ContributionIn": {
        "month": "2026-02", "process_class": 3,
        "figures": {
            "availability": 71, "utilization_efficiency": 96, "setup_ratio": -8, "energy_while_idle": None, "idle": 22, "off": 31, "down": -14,
            "delay": 6, "maintenance": 3,
        },
    },
    "ParticipationIn": {"takes_part": True},
    "AskIn": {
        "message": "40 brackets, drawing follows",
        "guest": {"organisation": "Start-up BV", "name": "An Peeters", "email": "an@startup.example", "language": "nl"},
    },
    "AskForItem": {
        "kind": "offer", "item": "0b6f0b1e-5a9b-4a4e-9a53-6a2f8f0c7d11", "start": _START, "end": _END, "message": "40 brackets, drawing follows",
        "organisation": "Start-up BV", "valid_until": _START,
    },
    "SeekersContact": {"email": "an@startup.example"},
    "KeptHoursIn": {"machine": "mill-1", "start": _START, "end": _END},
    "MachineIn": {"title": "DMU 50", "process": "milling", "now": "in_use", "since": "2026-12-01T07:12:00Z"},
    "MachineDetails": {
        "make": "DMG MORI", "model": "DMU 50", "din_8580": "3.2.3", "envelope_mm": [500, 450, 400], "axes": 5,
        "materials": ["aluminium", "inox"], "tolerance_mm": 0.01, "certificates": ["ISO 9001"], "place": "Sint-Truiden",
    },
    "QuoteIn": {
        "lines": [
            {"text": "Five-axis milling", "quantity": "6", "unit": "hour", "unit_price": "65.00"},
            {"text": "Set-up", "unit": "flat", "unit_price": "80.00"},
        ],
        "message": "Material not included.",
    },
    "ProposalIn": {"start": "2026-12-08T07:00:00Z", "end": "2026-12-08T15:00:00Z", "message": "A day later suits us better."},
    "ProposalAnswerIn": {"state": "accepted"},
    "StepIn": {"state": "accepted", "message": "See you on Monday."},
    "ReviewIn": {"verdict": "as_agreed", "text": "Alles stond klaar."},
    "MessageIn": {"text": "Do you have a clamping plate?"},
    "OperatorIn": {
        "kind": "operator", "title": "Two CNC millers", "start": _START, "end": "2027-03-07T15:00:00Z", "price": "52.00", "price_unit": "hour",
        "details": {
            "processes": ["milling", "turning"], "controls": ["Heidenhain", "Siemens"], "certificates": ["VCA"], "people": 2,
            "hours_per_week": 38, "place": "Genk", "reach_km": 40, "conditions": "Written agreement, with the workers' consent.",
        },
    },
    "EquipmentIn": {
        "kind": "equipment", "title": "Column drill", "start": _START, "end": "2027-03-07T15:00:00Z", "price_unit": "free",
        "details": {
            "use": "gift", "condition": "works", "make": "Alzmetall", "model": "AB 3", "year": 1998, "place": "Lommel", "pick_up_by": "2027-02-26",
        },
    },
    "KnowHowIn": {
        "kind": "know_how", "title": "Design for machining", "start": _START, "end": "2027-03-07T15:00:00Z", "price": "95.00", "price_unit": "hour",
        "details": {"process": "milling", "forms": ["advice", "prototype"], "fields": ["design for machining"], "languages": ["nl", "en"]},
    },
    "TrainingIn": {
        "kind": "training", "title": "Turning for beginners", "description": "Two days on the CTX.", "start": _START, "end": "2026-12-14T15:00:00Z",
        "price": "250.00", "price_unit": "place", "places": 8,
        "details": {
            "process": "turning", "languages": ["nl", "fr"], "attendance_certificate": True,
            "sessions": [{"start": _START, "end": _END}, {"start": "2026-12-14T07:00:00Z", "end": "2026-12-14T15:00:00Z"}],
        },
    },
    "SearchIn": {"title": "40 h of 5-axis milling", "text": "Brackets in aluminium.", "wish": _WISH, "notify": "mail"},
    "NoticeIn": {
        "title": "Housing for a water sensor", "text": "200 pieces, drawing follows.", "wish": {"materials": ["aluminium"], "near": "Diepenbeek"},
        "notify": "mail",
        "parts": [
            {"title": "Milling", "wish": _WISH},
            {"title": "Somebody who looks at the design", "wish": {"subject": "know_how", "process": "milling"}},
        ],
    },
    "StoryIn": {
        "kind": "story", "title": "Set-up in 18 minutes instead of 45",
        "details": {
            "process": "milling", "transformation": "advanced_manufacturing", "problem": "Small series stood still half the day.",
            "approach": "Zero-point clamping, and tools measured beside the machine.", "result": "Series of ten pay again.",
            "figures": [{"label": "Set-up time", "before": 45, "after": 18, "unit": "min"}],
        },
    },
    "MeetingIn": {
        "kind": "meeting", "title": "Visit to our welding cell", "text": "Cobots at work, and what they taught us.",
        "details": {
            "form": "visit", "place": "Genk", "address": "Dijk 4", "process": "welding", "languages": ["nl", "en"], "seats": 12,
            "sessions": [{"start": _START, "end": "2026-12-07T10:00:00Z"}],
        },
    },
    "InterestIn": {
        "kind": "interest", "title": "FANUC basics", "text": "For people who take over a night shift.", "people": 2,
        "details": {"process": "milling", "month": "2027-03", "place": "Genk", "languages": ["nl"]},
    },
    "QuestionIn": {"kind": "question", "title": "Who has experience with minimum quantity lubrication?", "text": "In aluminium, on a five-axis machine.", "details": {"process": "milling"}},
    "InterestedIn": {"people": 2},
    "CourseIn": {"listing": "6f1c4a9e-54b1-4c8e-9d0b-0d7c7e1c2f55"},
    "EnoughIn": {"enough": 4},
    "AnswerTextIn": {"text": "For two years. Come and have a look."},
    "MarkIn": {"mark": "accepted"},
    "ProductIn": {"words": "Housing in aluminium, milling and anodising, 120 x 80 x 40 mm, 200 pieces", "near": "Diepenbeek", "last_day": "2027-02-15", "hours": {"milling": 12}},
    "CertificatesIn": {"booking_id": "6f1c4a9e-54b1-4c8e-9d0b-0d7c7e1c2f55", "names": ["An Peeters"]},
    "NoticeAnswerIn": {"text": "We can mill these from January on."},
    "RegisterIn": {
        "name": "An Peeters", "email": "an@startup.example", "organisation": "Start-up BV", "kind": "seeker", "language": "nl",
        "country": "BE", "enterprise_number": "0123.456.749", "terms": 1,
    },
    "WelcomeIn": {"link": "the-last-part-of-the-link-in-the-mail", "password": "a sentence that is long enough"},
    "LinkIn": {"link": "the-last-part-of-the-link-in-the-mail"},
    "ConfirmByLinkIn": {"link": "the-last-part-of-the-link-in-the-mail", "mine": True},
    "ConfirmIn": {"mine": True},
    "InvitationAnswerIn": {"accepted": True},
    "ForgotIn": {"email": "an@startup.example"},
    "SignInIn": {"email": "an@startup.example", "password": "a sentence that is long enough"},
    "PasskeySignInIn": {
        "credential": {
            "id": "S2V5", "rawId": "S2V5", "type": "public-key",
            "response": {"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": None},
        },
    },
    "ProofIn": {"password": "a sentence that is long enough"},
    "PasskeyNameIn": {"name": "Laptop in the office"},
    "PasskeyIn": {
        "name": "Laptop in the office",
        "credential": {
            "id": "S2V5", "rawId": "S2V5", "type": "public-key", "response": {"clientDataJSON": "e30", "attestationObject": "AAAA"},
        },
    },
    "SpeakForIn": {"organisation": "start-up-bv"},
    "PasswordIn": {"old": "a sentence that is long enough", "new": "another sentence, just as long"},
    "OrganisationIn": {"name": "Hal 2", "country": "BE", "enterprise_number": "0876.543.270", "place": "Sint-Truiden", "address": "Dijk 4, 3800 Sint-Truiden"},
    "MemberIn": {"name": "Piet Maes", "email": "piet@hal2.example", "role": "planner", "language": "nl"},
    "RoleIn": {"role": "planner"},
    "TokenIn": {"name": "ERP", "scopes": ["read", "answer"]},
    "DecisionIn": {"approved": True},
    "ApplicationIn": {"name": "Hal 2", "country": "BE", "enterprise_number": "0876.543.270", "place": "Sint-Truiden", "text": "The number was wrong. Now it is ours."},
    "WebhookIn": {"url": "https://erp.example.com/hooks/vrijloop"},
    "WaitIn": {"places": 2},
    "TermsIn": {"version": 1},
    "SitePageIn": {"nl": "## Wie wij zijn", "fr": "## Qui nous sommes", "en": "## Who we are", "effective": "2027-01-15", "announce": False},
    "AccountIn": {"name": "An Peeters", "language": "nl", "mail_hour": 7, "mails": {"matches": "daily"}},
    "AddressIn": {"email": "an.peeters@startup.example", "password": "a sentence that is long enough"},
    "ReportIn": {
        "page": "/machines/hal-2/mill-1", "category": "misleading", "text": "This machine was sold in March.", "name": "An Peeters", "email": "an@startup.example",
    },
    "ModerationIn": {"outcome": "taken_down", "ground": "misleading", "text": "The machine does not exist any more."},
    "AppealIn": {"text": "We have another machine of this kind."},
    "AnswerIn": {"outcome": "reversed", "text": "It can be seen at the factory."},
    "FeedIn": {"subject": "provider"},
    "PictureIn": {"alt": "The table, from the operator's side"},
    "PictureOrder": {"pictures": ["6fd79b60-520c-49dd-9b2d-04ff38f2a0e3"]},
}  # fmt: skip
"""An example of each request, by the name of its model. Tests send every one of them."""

SecurityOf = Callable[[Collection[Any]], list[dict[str, list[str]]] | None]
"""From the callables that a route depends on to its `security`; None where it is open to anybody."""


def upload_body(**fields: dict[str, Any]) -> dict[str, Any]:
    """The `requestBody` of a form with files, and the schemas of its other fields: FastAPI does not find it, as forms are read by hand."""
    files = {"type": "array", "maxItems": MOST_FILES, "items": {"type": "string", "format": "binary"}}
    schema = {"type": "object", "required": ["files"], "properties": {"files": files, **fields}}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def routes_of(routers: Iterable[APIRouter]) -> list[APIRoute]:
    """Each with its whole path."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def describe(app: FastAPI, routers: Iterable[APIRouter], cookie: str, security_of: SecurityOf) -> dict[str, Any]:
    """The description. `cookie`: the name of the session cookie."""
    routes = routes_of(routers)
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=routes, openapi_version="3.1.0"
    )
    schemes = found.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["session"] = {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie,
        "description": "Somebody signed in with a browser.",
    }
    for route in routes:
        if route.path in found["paths"]:
            for method in route.methods or ():
                _complete(found["paths"][route.path][method.lower()], route, security_of)
    found["components"]["schemas"]["ProblemOut"] = ProblemOut.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
    return found


def _complete(operation: dict[str, Any], route: APIRoute, security_of: SecurityOf) -> None:
    wrong = problems(400, 422, 503)
    operation["responses"]["503"] = wrong[503]
    if "422" in operation["responses"]:
        operation["responses"]["422"] = wrong[422]
        operation["responses"]["400"] = wrong[400]
    body = operation.get("requestBody")
    if body is not None and "application/json" in body["content"]:
        content = body["content"]["application/json"]
        content["examples"] = {name: {"value": EXAMPLES[name]} for name in _models_of(content["schema"])}
    operation.pop("security", None)
    security = security_of([dependant.call for dependant in dependants_of(route.dependant)])
    if security is not None:
        operation["security"] = security


def _models_of(schema: dict[str, Any]) -> list[str]:
    """The models that a body may be of: one, or one of several."""
    options = schema.get("oneOf") or schema.get("anyOf") or [schema]
    references = [str(option["$ref"]) for option in options if "$ref" in option]
    return [reference.rpartition("/")[2].removesuffix("-Input") for reference in references]


def dependants_of(dependant: Dependant) -> list[Dependant]:
    """The dependant itself and everything that it depends on."""
    return [dependant, *(deeper for child in dependant.dependencies for deeper in dependants_of(child))]
