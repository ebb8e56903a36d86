"""Handlers for events of the domains below. `app.py` subscribes them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select, update

from sharing_platform.bookings.events import Appointment, CalendarRequested
from sharing_platform.database import Now
from sharing_platform.learning import meetings, posts, questions
from sharing_platform.learning.models import CLOSED, OPEN, Answer, Interest, Post, Seat
from sharing_platform.learning.seating import SEATED
from sharing_platform.organisations.directory import members
from sharing_platform.organisations.events import (
    AccountErasing,
    MemberRemoved,
    OrganisationRefused,
    PersonalDataRequested,
)
from sharing_platform.organisations.permissions import Role
from sharing_platform.organisations.personal_data import ERASED_NAME, rows_of


class LearningHandlers:
    """`zone`, `url` and `now` go into the e-mails to those who get a seat, or whose meeting is cancelled."""

    def __init__(self, zone: str, url: str, now: Now) -> None:
        self._zone, self._url, self._now = zone, url, now

    def erase_person(self, event: AccountErasing) -> None:
        """Their seats go to those who wait. Their questions and answers are theirs; what else they posted is the organisation's."""
        mine = event.session.scalars(select(Seat).where(Seat.account_id == event.account.id))
        meetings.leave_everything(event.session, mine, self._zone, self._url, self._now())
        session, account = event.session, event.account.id
        session.execute(delete(Interest).where(Interest.account_id == account))
        session.execute(delete(Answer).where(Answer.account_id == account))
        own = update(Post).where(Post.account_id == account)
        session.execute(own.where(Post.kind == questions.KIND).values(title=ERASED_NAME, text="", status=CLOSED))
        session.execute(own.values(account_id=None))

    def member_removed(self, event: MemberRemoved) -> None:
        """Their seats go to those who wait. What the organisation would like to learn, it would like still: an owner is told instead, or whoever else is left."""
        session, organisation, account = event.session, event.organisation, event.account
        mine = select(Seat).where(Seat.account_id == account, Seat.organisation_id == organisation)
        meetings.leave_everything(session, session.scalars(mine).all(), self._zone, self._url, self._now())
        left = [one.id for one, _ in sorted(members(session, organisation), key=lambda row: row[1].role != Role.OWNER)]
        own = (Interest.account_id == account) & (Interest.organisation_id == organisation)
        session.execute(update(Interest).where(own).values(account_id=left[0]) if left else delete(Interest).where(own))

    def withdraw_everything(self, event: OrganisationRefused) -> None:
        """Those who have signed up with an organisation that is refused are told, and its people give back their seats."""
        session, organisation = event.session, event.organisation.id
        own = select(Post).where(Post.organisation_id == organisation, Post.kind == meetings.KIND, Post.status == OPEN)
        for post in session.scalars(own):
            posts.close_post(post, event.now)
            meetings.cancelled(session, post, self._zone, self._url, event.now)
        theirs = session.scalars(select(Seat).where(Seat.organisation_id == organisation))
        meetings.leave_everything(session, theirs, self._zone, self._url, event.now)
        session.execute(delete(Interest).where(Interest.organisation_id == organisation))


def export_person(event: PersonalDataRequested) -> None:
    session, account = event.session, event.account
    event.sections["learning"] = rows_of(session, Post, account, "id", "kind", "title", "text", "details", "created")
    event.sections["training_wanted"] = rows_of(session, Interest, account, "post_id", "people", "joined")
    event.sections["learning_answers"] = rows_of(session, Answer, account, "post_id", "text", "mark", "answered")
    event.sections["seats"] = rows_of(session, Seat, account, "post_id", "state", "joined")


def add_to_calendar(event: CalendarRequested) -> None:
    """Meetings that an organisation invites to, or in which somebody of it has a seat: each session is an entry. One that was withdrawn stays as cancelled."""
    whose: ColumnElement[bool] = Post.organisation_id == event.organisation
    if not event.as_provider:
        seated = select(Seat.post_id).where(Seat.organisation_id == event.organisation, Seat.state == SEATED)
        whose = Post.id.in_(seated) & Post.taken_down.is_(None)
    query = select(Post).where(whose, Post.kind == meetings.KIND, Post.end > event.since)
    for post in event.session.scalars(query.order_by(Post.start, Post.id)):
        details = meetings.details_of(post)
        event.found.extend(
            Appointment(
                f"{post.id}-{number}@vrijloop", post.title, one.start, one.end, meetings.place_of(details),
                f"/learning/{post.id}", post.changed, post.revision, post.status == CLOSED,
            )
            for number, one in enumerate(details.sessions, 1) if one.end > event.since
        )  # fmt: skip
