"""Routes for the factory's decisions about its offers (approvals, vetoes, the kill switch), for alerts, and for the
platform's webhook."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from analytics.api.context import Context, OwnFactory, ReaderLanguage
from analytics.i18n import Translator
from analytics.policy.vetoes import Veto
from analytics.publishing.platform_client import PlatformUnavailableError
from analytics.publishing.webhooks import InvalidSignatureError, verify
from telemetry import Name, rfc3339

router = APIRouter(prefix="/api/v1", tags=["publishing"])

MAX_VETO = timedelta(days=62)
_MAX_HOOK_BYTES = 64 * 1024


class ApprovalOut(BaseModel):
    """A slot that needs approval, and its status."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float
    status: str
    answer_by: datetime


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
    """`pending`: why the platform does not show the change yet; delivery is retried until it does."""

    pending: str | None = None


class VetoIn(BaseModel):
    """Hours of a machine that the factory withholds."""

    model_config = ConfigDict(extra="forbid")

    machine: Name
    start: AwareDatetime
    end: AwareDatetime


class VetoOut(BaseModel):
    """`pending`: why the platform does not show the change yet; delivery is retried until it does."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str
    start: datetime
    end: datetime
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
    approval_id: Annotated[str, Path(max_length=64)], answer: Answer, context: Context, _: OwnFactory
) -> ApprovalOut:
    """Approve or refuse a slot. 404 if no such request is waiting: it was answered, it expired, or the hours are no
    longer free."""
    found = context.publishing.answer(approval_id, answer.approve, context.clock.now())
    if found is None:
        raise HTTPException(404, "No such request is waiting for an answer.")
    context.service.request_round()
    return ApprovalOut.model_validate(found)


@router.get("/kill-switch")
def get_kill_switch(context: Context, _: OwnFactory, response: Response) -> KillSwitch:
    """Whether the kill switch is on. The header `X-Vrijloop-Now` has the server's time, which differs from the
    present while a recording is replayed."""
    response.headers["X-Vrijloop-Now"] = rfc3339(context.clock.now())
    return KillSwitch(on=context.publishing.kill_switch)


@router.put("/kill-switch")
async def put_kill_switch(wanted: KillSwitch, context: Context, _: OwnFactory) -> KillSwitchState:
    """Set the kill switch. While on, nothing is offered; turning it on withdraws at once everything that is not
    booked."""
    try:
        await context.service.set_kill_switch(wanted.on)
    except PlatformUnavailableError as error:
        return KillSwitchState(on=wanted.on, pending=str(error))
    return KillSwitchState(on=wanted.on)


@router.get("/vetoes")
def get_vetoes(context: Context, _: OwnFactory) -> VetoPage:
    """Hours that a person has withheld."""
    found = context.publishing.vetoes(context.clock.now())
    return VetoPage(vetoes=[VetoOut.model_validate(veto) for veto in found])


@router.post("/vetoes", status_code=201)
async def post_veto(wanted: VetoIn, context: Context, _: OwnFactory) -> VetoOut:
    """Withhold hours: offers of them are withdrawn and requests cancelled at once; bookings stay."""
    if not timedelta(0) < wanted.end - wanted.start <= MAX_VETO or wanted.end <= context.clock.now():
        raise HTTPException(422, f"`end` must lie after `start` by at most {MAX_VETO.days} days, and in the future.")
    veto = Veto.of(wanted.machine, wanted.start.astimezone(UTC), wanted.end.astimezone(UTC))
    found = VetoOut.model_validate(veto)
    try:
        await context.service.veto(veto)
    except PlatformUnavailableError as error:
        found.pending = str(error)
    return found


@router.delete("/vetoes/{veto_id}", status_code=204)
def delete_veto(veto_id: Annotated[str, Path(max_length=64)], context: Context, _: OwnFactory) -> None:
    """Delete a veto. The hours may be offered again from the next round on."""
    if not context.publishing.lift_veto(veto_id):
        raise HTTPException(404, "There is no such veto.")
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
