"""Reminders of goals: four weeks before their day, and on it. Who has reached a goal is not reminded of it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.i18n import Translator
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import ANSWERING, REFUSED
from sharing_platform.self_assessment.levels import Goal, answers_on, is_reached, standing
from sharing_platform.self_assessment.models import AssessmentGoal
from sharing_platform.self_assessment.questionnaire import editions, texts_of, transformations
from sharing_platform.self_assessment.records import answers_of, reminders_of

_PORTION = 500


def due(now: datetime) -> Select[str]:
    """Organisation and transformation of each, as `remind` takes them."""
    key = AssessmentGoal.organisation_id + "/" + AssessmentGoal.transformation
    return select(key).where(AssessmentGoal.remind <= now).order_by(AssessmentGoal.remind).limit(_PORTION)


def remind(session: Session, key: str, now: datetime, context: PlatformContext) -> bool:
    """Those who plan in the organisation, each in their language, once for each of the two days. Returns whether anybody had to be reminded."""
    found = session.get(AssessmentGoal, tuple(key.split("/")), with_for_update=True, populate_existing=True)
    if found is None or found.remind is None or found.remind > now:
        return False  # another process was faster
    goal = Goal(found.transformation, found.level, found.day)
    found.remind = next((one for one in reminders_of(goal.day, context.zone) if one > now), None)
    today = now.astimezone(ZoneInfo(context.zone)).date()
    organisation = session.get_one(Organisation, found.organisation_id)
    if organisation.status == REFUSED or goal.transformation not in transformations():
        return False
    held = answers_on(today, answers_of(session, organisation.id))
    if is_reached(goal, standing(goal.transformation, held, editions()).level):
        return False
    people = members_with_roles(session, organisation.id, ANSWERING)
    for recipient in people:
        words = Translator(recipient.language, context.zone)
        queue_mail(
            session, recipient, "goal_soon" if today < goal.day else "goal_today", context.zone, now,
            transformation=texts_of(recipient.language)[goal.transformation].name, level=goal.level, day=words.date(goal.day),
            link=f"{context.url}/self-assessment/{goal.transformation}",
        )  # fmt: skip
    return bool(people)
