"""Answers to questions, each of which can be reported by itself."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from sharing_platform.learning import questions
from sharing_platform.learning.models import Answer, Post
from sharing_platform.learning.posts import shown_post
from sharing_platform.moderation.content import UUID, Content, Kind, Part
from sharing_platform.organisations.permissions import Actor, organisation_of


def of_question(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> list[Part]:
    """The answers that one sees on the page of a question."""
    post = shown_post(session, match["id"], organisation_of(actor)).post
    return [
        Part("answer", f"/learning/{post.id}/answers/{one.id}", one.text, one.answered)
        for one in questions.answers_of(session, [post.id]).get(post.id, ())
    ]


def _seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    return questions.shown_answer(session, match["id"], match["answer"], organisation_of(actor)).id


def _content(session: Session, subject: str) -> Content | None:
    found = session.get(Answer, subject)
    if found is None:
        return None
    post = session.get_one(Post, found.post_id)
    return Content("answer", subject, post.title, found.text, found.organisation_id, f"/learning/{post.id}")


def _hide(session: Session, subject: str, moment: datetime | None) -> None:
    session.execute(update(Answer).where(Answer.id == subject).values(taken_down=moment))


ANSWER = Kind(
    ((re.compile(rf"/learning/(?P<id>{UUID})/answers/(?P<answer>{UUID})"), _seen),), _content, _hide, single=True
)
