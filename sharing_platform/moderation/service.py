"""Reporting, deciding and appealing, each in one transaction, recorded in the audit log and told to whom it concerns."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.moderation import kinds, notices
from sharing_platform.moderation.models import LEFT, REVERSED, TAKEN_DOWN, Decision, Report
from sharing_platform.moderation.schemas import AnswerIn, ModerationIn, ReportIn
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.organisations.rate_limits import Bound

APPEAL_WITHIN = timedelta(days=183)
"""Six months (Digital Services Act, article 20)."""
REPORTS_BY_SENDER = Bound("report_sender", 10, timedelta(hours=1))
_MOST_OPEN = 20
"""So many reports of one thing wait at a time; further ones would tell nothing new."""


def report(
    context: PlatformContext, actor: Actor | None, person: SignedIn | None, wanted: ReportIn, address: str
) -> None:
    """By anybody. The answer goes to the account of who is signed in, else to the address given. Raises NotFoundError for a page that they may not see or that shows no
    content, ConflictError for what is their own or was reported often enough, TooManyError."""
    now = context.now()
    sender = person.account.id if person is not None else address
    email = person.account.email if person is not None else wanted.email or ""
    rate_limits.count_attempt(context.sessions, REPORTS_BY_SENDER, sender, now)
    if email and not rate_limits.count_mail(context.sessions, "report", sender, email, now):
        email = ""
    with context.sessions.begin() as session:
        content = kinds.seen_on(session, wanted.page, actor, now)
        if actor is not None and actor.organisation == content.owner:
            raise ConflictError("report_own")
        open_ones = select(func.count()).where(
            Report.kind == content.kind, Report.subject == content.subject, Report.decision_id.is_(None)
        )
        if (session.scalar(open_ones) or 0) >= _MOST_OPEN:
            raise ConflictError("report_known")
        made = Report(
            id=str(uuid.uuid4()), kind=content.kind, subject=content.subject, page=wanted.page, title=content.title, owner=content.owner,
            category=wanted.category, text=wanted.text, account_id=person.account.id if person is not None else None,
            name=person.account.name if person is not None else wanted.name or "", email=email,
            language=person.account.language if person is not None else wanted.language, created=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        notices.received(session, context, made, now)
        log(session, now, actor, "content.reported", made.id)
    context.wake_workers()


def decide(context: PlatformContext, actor: Actor, report_id: str, wanted: ModerationIn) -> Decision:
    """Answers all open reports of the same thing. Raises NotFoundError, ConflictError where it is decided already, InvalidError where outcome and ground do not fit."""
    _check_ground(wanted.outcome, wanted.ground)
    now = context.now()
    with context.sessions.begin() as session:
        reported = session.get(Report, report_id, with_for_update=True)
        if reported is None:
            raise NotFoundError
        if reported.decision_id is not None:
            raise ConflictError("report_decided")
        open_ones = (Report.kind == reported.kind) & (Report.subject == reported.subject) & Report.decision_id.is_(None)
        first = session.scalar(select(func.min(Report.created)).where(open_ones)) or reported.created
        made = Decision(
            id=str(uuid.uuid4()), kind=reported.kind, subject=reported.subject, title=reported.title, owner=reported.owner, outcome=wanted.outcome,
            ground=wanted.ground, text=wanted.text, reported=first, at=now, account_id=actor.account,
        )  # fmt: skip
        session.add(made)
        session.flush()
        session.execute(update(Report).where(open_ones).values(decision_id=made.id))
        _apply(session, actor, made, now)
        notices.decided(session, context, made, reports_of(session, made), now)
    _publish(context, made)
    return made


def appeal(context: PlatformContext, actor: Actor, decision_id: str, text: str) -> Decision:
    """By the organisation whose content was taken down. Raises NotFoundError for another's, ConflictError where there was an appeal or it is too late."""
    with context.sessions.begin() as session:
        decision = session.get(Decision, decision_id, with_for_update=True)
        if decision is None or decision.owner != actor.organisation or decision.outcome != TAKEN_DOWN:
            raise NotFoundError
        _appeal(session, context, actor, decision, text)
    context.wake_workers()
    return decision


def appeal_as_reporter(context: PlatformContext, report_id: str, text: str) -> None:
    """By somebody who reported what was left. Raises NotFoundError, ConflictError as `appeal`."""
    with context.sessions.begin() as session:
        reported = session.get(Report, report_id)
        decision_id = reported.decision_id if reported is not None else None
        decision = session.get(Decision, decision_id, with_for_update=True) if decision_id is not None else None
        if decision is None or decision.outcome != LEFT:
            raise NotFoundError
        _appeal(session, context, None, decision, text)
    context.wake_workers()


def _appeal(session: Session, context: PlatformContext, actor: Actor | None, decision: Decision, text: str) -> None:
    now = context.now()
    if decision.appealed is not None:
        raise ConflictError("appeal_made")
    if appeal_until(decision, now) is None:
        raise ConflictError("appeal_late")
    decision.appealed, decision.appeal = now, text
    notices.appealed(session, context, decision, now)
    log(session, now, actor, "content.appealed", decision.subject, kind=decision.kind)


def answer(context: PlatformContext, actor: Actor, decision_id: str, wanted: AnswerIn) -> Decision:
    """Uphold the decision or reverse it: what was taken down is shown again; what was left is taken down by a new decision, which its owner may appeal. Raises
    NotFoundError, ConflictError where there is no appeal to answer, InvalidError for a ground that does not fit."""
    now = context.now()
    with context.sessions.begin() as session:
        decision = session.get(Decision, decision_id, with_for_update=True)
        if decision is None:
            raise NotFoundError
        if decision.appealed is None or decision.answered is not None:
            raise ConflictError("appeal_none")
        taken_after_all = wanted.outcome == REVERSED and decision.outcome == LEFT
        if taken_after_all:
            _check_ground(TAKEN_DOWN, wanted.ground)
        decision.answered, decision.answered_by = now, actor.account
        decision.answer, decision.answer_text = wanted.outcome, wanted.text
        log(session, now, actor, f"appeal.{wanted.outcome}", decision.subject, kind=decision.kind)
        notices.answered(session, context, decision, reports_of(session, decision), now)
        if wanted.outcome == REVERSED and decision.outcome == TAKEN_DOWN:
            kinds.set_taken_down(session, decision.kind, decision.subject, None)
        if taken_after_all:
            made = Decision(
                id=str(uuid.uuid4()), kind=decision.kind, subject=decision.subject, title=decision.title, owner=decision.owner, outcome=TAKEN_DOWN,
                ground=wanted.ground, text=wanted.text, reported=decision.reported, at=now, account_id=actor.account,
            )  # fmt: skip
            session.add(made)
            session.flush()
            _apply(session, actor, made, now)
            notices.decided(session, context, made, [], now)
    _publish(context, decision)
    return decision


def appeal_until(decision: Decision, now: datetime) -> datetime | None:
    """Until when there may be an appeal; None where there was one, or it is too late."""
    until = decision.at + APPEAL_WITHIN
    return until if decision.appealed is None and now < until else None


def reports_of(session: Session, decision: Decision) -> list[Report]:
    """Those that it answered, the oldest first."""
    query = select(Report).where(Report.decision_id == decision.id)
    return list(session.scalars(query.order_by(Report.created, Report.id)))


def taken_down(session: Session, owner: str) -> list[Decision]:
    """What of an organisation is hidden from others, the newest first."""
    query = select(Decision).where(Decision.owner == owner, Decision.outcome == TAKEN_DOWN)
    query = query.where(Decision.answer.is_(None) | (Decision.answer != REVERSED))
    return list(session.scalars(query.order_by(Decision.at.desc(), Decision.id).limit(_MOST_OPEN)))


def _check_ground(outcome: str, ground: str) -> None:
    if (outcome == TAKEN_DOWN) == (ground == "none"):
        raise InvalidError("ground_fits_not", "ground")


def _apply(session: Session, actor: Actor, decision: Decision, now: datetime) -> None:
    if decision.outcome == TAKEN_DOWN:
        kinds.set_taken_down(session, decision.kind, decision.subject, now)
    log(session, now, actor, f"content.{decision.outcome}", decision.subject, kind=decision.kind)


def _publish(context: PlatformContext, decision: Decision) -> None:
    """Open pages show at once what is hidden or back."""
    context.live.publish("offers", decision.owner)
    context.wake_workers()
