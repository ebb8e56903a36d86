"""Routes of the HTTP API: what organisations post to learn from each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import TypeAdapter

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.etags import set_etag
from sharing_platform.learning import interests, meetings, posts, questions, service
from sharing_platform.learning.details import Transformation
from sharing_platform.learning.schemas import (
    AnswerOut,
    AnswersOut,
    AnswerTextIn,
    AttendeesOut,
    CourseIn,
    EnoughIn,
    EnoughOut,
    InterestedIn,
    InterestedOut,
    MarkIn,
    PostIn,
    PostKind,
    PostOut,
    PostPage,
    SeatOut,
)
from sharing_platform.organisations.dependencies import Asker, Lister, MaybeActor, MaybePerson, Regional, Writer
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.pagination import from_cursor, to_cursor
from sharing_platform.parameters import Cursor, IfMatch, Limit, Uuid
from sharing_platform.problems import problems
from sharing_platform.search.parameters import SearchFor

router = APIRouter(prefix="/api/v1/learning", tags=["learning"])
region_router = APIRouter(prefix="/api/v1/region/learning", tags=["region"])

_PLACE = TypeAdapter(tuple[int])


@router.get("", responses=problems(401, 422))
def get_posts(
    session: ReadSession,
    context: Context,
    wish: SearchFor,
    kind: Annotated[PostKind, Query()] = "story",
    transformation: Annotated[Transformation | None, Query(description="Of Factory of the Future.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PostPage:
    """Open posts of a kind that fit, the best first. Of a search, words, process and place count."""
    (begin,) = from_cursor(cursor, _PLACE) if cursor else (0,)
    begin = max(0, begin)
    found = posts.find_posts(session, posts.criteria_of(wish), context.now(), kind, transformation)
    shown = service.posts_out(session, found[begin : begin + limit])
    return PostPage(posts=shown, next=to_cursor(begin + limit) if begin + limit < len(found) else None)


@router.post("", status_code=201, responses=problems(401, 403, 409, 422, 429))
def post_post(wanted: PostIn, actor: Writer, context: Context) -> PostOut:
    """Post something under the organisation's name, also of one that offers machines without it. Stories and meetings need the right `list`, wanted training and
    questions `ask`."""
    return service.put_post(context, actor, wanted, None, None)


@router.get("/{post_id}", responses=problems(401, 404))
def get_post(post_id: Uuid, session: ReadSession, actor: MaybeActor, response: Response) -> PostOut:
    """One post."""
    shown = service.post_out(session, posts.shown_post(session, post_id, organisation_of(actor)))
    set_etag(response, shown)
    return shown


@router.put("/{post_id}", responses=problems(401, 403, 404, 409, 412, 422, 429))
def put_post(post_id: Uuid, wanted: PostIn, actor: Writer, context: Context, if_match: IfMatch = None) -> PostOut:
    """Change it. Who has signed up for a meeting is told of another time or place. 409 where more seats are taken than there would be."""
    return service.put_post(context, actor, wanted, post_id, if_match)


@router.delete("/{post_id}", status_code=204, responses=problems(401, 403, 404))
def delete_post(post_id: Uuid, actor: Writer, context: Context) -> None:
    """Withdraw it: it is found no more. Who has signed up for a meeting is told."""
    service.close_post(context, actor, post_id)


@router.put("/{post_id}/seat", responses=problems(401, 403, 404, 409))
def put_seat(post_id: Uuid, actor: Asker, person: MaybePerson, context: Context) -> SeatOut:
    """Sign up for a meeting of another organisation, or wait for a seat: a person, once. The organiser sees name, address and organisation."""
    return meetings.join(context, actor, person if actor.account else None, post_id)


@router.delete("/{post_id}/seat", status_code=204, responses=problems(401, 403, 404))
def delete_seat(post_id: Uuid, actor: Asker, person: MaybePerson, context: Context) -> None:
    """Cancel: whoever has waited longest gets the seat, and is told."""
    meetings.leave(context, actor, person if actor.account else None, post_id)


@router.get("/{post_id}/seats", responses=problems(401, 403, 404))
def get_seats(post_id: Uuid, actor: Lister, session: ReadSession) -> AttendeesOut:
    """Who comes and who waits, for the organiser alone."""
    return meetings.attendees(session, actor, post_id)


@router.put("/{post_id}/interest", responses=problems(401, 403, 404, 409, 422))
def put_interest(
    post_id: Uuid, wanted: InterestedIn, actor: Asker, person: MaybePerson, context: Context
) -> InterestedOut:
    """Want a training, too, or for another number of people: a person for their organisation. 409 once it is a course. Others see how many want it, not who."""
    return interests.join(context, actor, person if actor.account else None, post_id, wanted.people)


@router.delete("/{post_id}/interest", status_code=204, responses=problems(401, 403, 404))
def delete_interest(post_id: Uuid, actor: Asker, context: Context) -> None:
    """Want it no longer."""
    interests.leave(context, actor, post_id)


@router.put("/{post_id}/course", status_code=204, responses=problems(401, 403, 404, 409, 422))
def put_course(post_id: Uuid, wanted: CourseIn, actor: Lister, context: Context) -> None:
    """Make one's own training the course that is wanted: places are kept for a week for those who asked, in their order, and the others are on the waiting list. Each is told."""
    interests.make_course(context, actor, post_id, wanted.listing)


@router.get("/{post_id}/answers", responses=problems(401, 404))
def get_answers(post_id: Uuid, session: ReadSession, actor: MaybeActor) -> AnswersOut:
    """The answers to a question."""
    return questions.answers_out(session, post_id, organisation_of(actor))


@router.post("/{post_id}/answers", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_answer(post_id: Uuid, wanted: AnswerTextIn, actor: Asker, context: Context) -> AnswerOut:
    """Answer a question of another organisation, under the organisation's name. The asker is told."""
    return questions.answer(context, actor, post_id, wanted.text)


@router.delete("/{post_id}/answers/{answer_id}", status_code=204, responses=problems(401, 403, 404))
def delete_answer(post_id: Uuid, answer_id: Uuid, actor: Asker, context: Context) -> None:
    """Withdraw one's own answer."""
    questions.withdraw(context, actor, post_id, answer_id)


@router.put("/{post_id}/answers/{answer_id}/mark", responses=problems(401, 403, 404, 422))
def put_mark(post_id: Uuid, answer_id: Uuid, wanted: MarkIn, actor: Asker, context: Context) -> AnswerOut:
    """Say whether an answer to one's own question helped, or is the one. Who answered is told once."""
    return questions.mark(context, actor, post_id, answer_id, wanted.mark)


@region_router.get("", responses=problems(401, 403))
def get_enough(session: ReadSession, _: Regional) -> EnoughOut:
    """How many organisations have to want a training before trainers are told."""
    return EnoughOut(enough=interests.enough(session))


@region_router.put("", responses=problems(401, 403, 422))
def put_enough(wanted: EnoughIn, actor: Regional, context: Context) -> EnoughOut:
    """Set it."""
    interests.set_enough(context, actor, wanted.enough)
    return EnoughOut(enough=wanted.enough)
