"""Routes for the factory's decisions about its offers (approvals, vetoes, the kill switch), for alerts, and for the
platform's webhook."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from analytics.api.context import AnalyticsContext, Caller, Context, OwnCaller, OwnFactory, ReaderLanguage
from analytics.api.invalid import invalid
from analytics.i18n import Translator
from analytics.policy.approvals import Approval
from analytics.policy.vetoes import Veto
from analytics.publishing.platform_client import PlatformUnavailableError
from analytics.publishing.webhooks import InvalidSignatureError, verify
from telemetry import Name, rfc3339

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1", tags=["publishing"])

MAX_VETO = timedelta(days=62)
_MAX_HOOK_BYTES = 64 * 1024


class ApprovalOut(BaseModel):
    """A slot that needs approval, and its status. `person`: who answered, null where nobody did or it was with the server's token."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float
    status: str
    answer_by: datetime
    person: str | None = None


class ApprovalPage(BaseModel):
    """Ordered by start. Requests that wait for an answer have the status `asked`."""

    approvals: list[ApprovalOut]


class Answer(BaseModel):
    """Whether the slot may be offered."""

    model_config = ConfigDict(extra="forbid")

    approve: bool


class KillSwitch(BaseModel):
    """While on, nothing of this factory is offered."""

    model_config = ConfigDict(extra="forbid")

    on: bool


class KillSwitchState(KillSwitch):
    """`at`: when it was set, null if it never was; `person`: by whom, null where it was with the server's token. `pending`: why the platform does not show
    the change yet; delivery is retried until it does."""

    person: str | None = None
    at: datetime | None = None
    pending: str | None = None


class VetoIn(BaseModel):
    """Hours of a machine that the factory withholds."""

    model_config = ConfigDict(extra="forbid")

    machine: Name
    start: AwareDatetime
    end: AwareDatetime


class VetoOut(BaseModel):
    """`person`: who withheld them, null where it was with the server's token. `pending`: why the platform does not show the change yet; delivery is
    retried until it does."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str
    start: datetime
    end: datetime
    person: str | None = None
    pending: str | None = None


class VetoPage(BaseModel):
    """Vetoes that have not ended, ordered by start."""

    vetoes: list[VetoOut]


class AlertOut(BaseModel):
    """A situation that requires a person to act. `cleared` is set once it no longer holds."""

    kind: str
    machine: str
    booking: str
    text: Annotated[str, Field(description="In the reader's language and the factory's time zone.")]
    sentence: Annotated[str, Field(description="For scripts: English, with times in UTC.")]
    values: Annotated[dict[str, str], Field(description="What the text says. Times are RFC 3339, UTC.")]
    raised: datetime
    cleared: datetime | None


class AlertPage(BaseModel):
    """Open alerts first."""

    alerts: list[AlertOut]


@router.get("/approvals")
def get_approvals(context: Context, _: OwnFactory) -> ApprovalPage:
    """Slots of machines whose policy has `approval = "ask"`."""
    return ApprovalPage(approvals=[ApprovalOut.model_validate(approval) for approval in context.publishing.approvals()])


@router.post("/approvals/{approval_id}")
def post_approval(
    approval_id: Annotated[str, Path(max_length=64)], answer: Answer, context: Context, caller: OwnCaller
) -> ApprovalOut:
    """Approve or refuse a slot. 404 if no such request is waiting: it was answered, it expired, or the hours are no
    longer free."""
    found = context.publishing.answer(approval_id, answer.approve, context.clock.now(), _person(caller))
    if found is None:
        raise HTTPException(404, "No such request is waiting for an answer.")
    _log_hours(found, "approved" if answer.approve else "refused", caller)
    context.service.request_round()
    return ApprovalOut.model_validate(found)


@router.get("/kill-switch")
def get_kill_switch(context: Context, _: OwnFactory, response: Response) -> KillSwitchState:
    """Whether the kill switch is on. The header `X-Vrijloop-Now` has the server's time, which differs from the
    present while a recording is replayed."""
    response.headers["X-Vrijloop-Now"] = rfc3339(context.clock.now())
    return _kill_switch(context)


@router.put("/kill-switch")
async def put_kill_switch(wanted: KillSwitch, context: Context, caller: OwnCaller) -> KillSwitchState:
    """Set the kill switch. While on, nothing is offered; turning it on withdraws at once everything that is not
    booked."""
    _log.warning("The kill switch was turned %s by %s.", "on" if wanted.on else "off", caller.name)
    pending = None
    try:
        await context.service.set_kill_switch(wanted.on, _person(caller))
    except PlatformUnavailableError as error:
        pending = str(error)
    return _kill_switch(context).model_copy(update={"pending": pending})


@router.get("/vetoes")
def get_vetoes(context: Context, _: OwnFactory) -> VetoPage:
    """Hours that a person has withheld."""
    found = context.publishing.vetoes(context.clock.now())
    return VetoPage(vetoes=[VetoOut.model_validate(veto) for veto in found])


@router.post("/vetoes", status_code=201)
async def post_veto(wanted: VetoIn, context: Context, caller: OwnCaller) -> VetoOut:
    """Withhold hours: offers of them are withdrawn and requests cancelled at once; bookings stay."""
    if not timedelta(0) < wanted.end - wanted.start <= MAX_VETO or wanted.end <= context.clock.now():
        raise invalid(
            "end",
            f"`end` must lie after `start` by at most {MAX_VETO.days} days, and in the future.",
            wanted.end,
            "body",
        )
    veto = Veto.of(wanted.machine, wanted.start.astimezone(UTC), wanted.end.astimezone(UTC), _person(caller))
    _log_hours(veto, "withdrawn", caller)
    found = VetoOut.model_validate(veto)
    try:
        await context.service.veto(veto)
    except PlatformUnavailableError as error:
        found.pending = str(error)
    return found


@router.delete("/vetoes/{veto_id}", status_code=204)
def delete_veto(veto_id: Annotated[str, Path(max_length=64)], context: Context, caller: OwnCaller) -> None:
    """Delete a veto. The hours may be offered again from the next round on."""
    veto = context.publishing.lift_veto(veto_id)
    if veto is None:
        raise HTTPException(404, "There is no such veto.")
    _log_hours(veto, "released", caller)
    context.service.request_round()


@router.get("/alerts")
def get_alerts(context: Context, _: OwnFactory, language: ReaderLanguage) -> AlertPage:
    """Bookings that may not be kept."""
    translator = Translator(language, context.policy.zone)
    return AlertPage(
        alerts=[
            AlertOut(
                kind=entry.alert.kind,
                machine=entry.alert.machine,
                booking=entry.alert.booking,
                text=entry.written(translator),
                sentence=entry.sentence,
                values=entry.alert.plain_values(),
                raised=entry.raised,
                cleared=entry.cleared,
            )
            for entry in context.publishing.alerts()
        ]
    )


def _kill_switch(context: AnalyticsContext) -> KillSwitchState:
    found = context.publishing.kill_switch_setting()
    return KillSwitchState(on=found.on, person=found.person, at=found.at)


def _person(caller: Caller) -> str | None:
    return caller.person.name if caller.person is not None else None


def _log_hours(hours: Veto | Approval, what: str, caller: Caller) -> None:
    _log.info("%s from %s to %s: %s by %s.", hours.machine, rfc3339(hours.start), rfc3339(hours.end), what, caller.name)


@router.post("/hooks/bookings", status_code=204)
async def post_booking_hook(request: Request, context: Context) -> None:
    """Called by the platform when bookings have changed (Standard Webhooks). The server then reads the bookings from
    the platform; the content of the message is not used. 401 if the message is not signed with the secret."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_HOOK_BYTES:
            raise HTTPException(413, f"The message is longer than {_MAX_HOOK_BYTES} bytes.")
    if context.webhook_secret is None:
        raise HTTPException(404, "Not found.")
    try:
        await asyncio.to_thread(verify, dict(request.headers), body, context.webhook_secret, context.clock.now())
    except InvalidSignatureError as error:
        raise HTTPException(401, f"{error}.") from error
    await context.service.bookings_changed()
