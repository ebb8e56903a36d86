"""Files that go with a success story, and its pictures: whose they are, and who may see them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from sharing_platform.attachments.contents import CheckedFile
from sharing_platform.attachments.models import StoredFile
from sharing_platform.attachments.service import store_files
from sharing_platform.bounds import MOST_FILES
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.learning.models import PostFile
from sharing_platform.learning.posts import lock_post, own_post, shown_post
from sharing_platform.learning.schemas import PostFileOut
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pictures.models import OF_STORIES, Picture
from sharing_platform.pictures.service import Album

KIND = "story"
"""The kind of post that has files and pictures."""


def add_files(context: PlatformContext, actor: Actor, post_id: str, files: Sequence[CheckedFile]) -> list[PostFileOut]:
    """Raises NotFoundError, ConflictError where there are too many by now."""
    now = context.now()
    with context.sessions.begin() as session:
        lock_post(session, post_id)
        post = own_post(session, actor.organisation, post_id, KIND)
        count = session.scalar(select(func.count()).where(PostFile.post_id == post.id)) or 0
        if count + len(files) > MOST_FILES:
            raise ConflictError("files_of_story")
        stored = store_files(session, files, actor.organisation, None, now, context.bounds)
        for file, kept in zip(files, stored, strict=True):
            session.add(
                PostFile(
                    id=str(uuid.uuid4()), post_id=post.id, file_id=kept.id, name=file.name, kind=file.kind, size=kept.size
                )
            )  # fmt: skip
        session.flush()
        log(session, now, actor, "learning.files", post.id)
        return files_of(session, [post.id]).get(post.id, [])


def check_own(context: PlatformContext, actor: Actor, post_id: str) -> None:
    """Before anything of what is sent is read. Raises NotFoundError for another's."""
    with context.sessions() as session:
        own_post(session, actor.organisation, post_id, KIND)


def remove_file(context: PlatformContext, actor: Actor, post_id: str, file_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        own_post(session, actor.organisation, post_id, KIND)
        found = _file(session, post_id, file_id)
        session.delete(found)
        session.flush()
        session.execute(delete(StoredFile).where(StoredFile.id == found.file_id))
        log(session, context.now(), actor, "learning.files", post_id)


def files_of(session: Session, posts: Collection[str]) -> dict[str, list[PostFileOut]]:
    """By post, in order of their names."""
    found: dict[str, list[PostFileOut]] = {}
    query = select(PostFile).where(PostFile.post_id.in_(posts)).order_by(PostFile.name, PostFile.id)
    for one in session.scalars(query):
        path = f"/learning/{one.post_id}/files/{one.id}"
        found.setdefault(one.post_id, []).append(PostFileOut(id=one.id, path=path, name=one.name, size=one.size))
    return found


def file_with(session: Session, post_id: str, file_id: str, viewer: str | None) -> tuple[PostFile, bytes]:
    """One that the visitor may see, with its content. Raises NotFoundError."""
    shown_post(session, post_id, viewer, KIND)
    found = _file(session, post_id, file_id)
    return found, session.scalars(select(StoredFile.content).where(StoredFile.id == found.file_id)).one()


def files_kept() -> Select[str]:
    """Ids of files that are kept as long as their story is."""
    return select(PostFile.file_id)


def _file(session: Session, post_id: str, file_id: str) -> PostFile:
    found = session.get(PostFile, file_id)
    if found is None or found.post_id != post_id:
        raise NotFoundError
    return found


def subject_of(post_id: str) -> str:
    """What pictures call a story."""
    return f"{OF_STORIES}{post_id}"


def album_of(actor: Actor, post_id: str) -> Album:
    """Raises NotFoundError when it is looked for, for another's, or for what has no pictures."""
    return Album(
        subject_of(post_id),
        "learning.pictured",
        lambda session: own_post(session, actor.organisation, post_id, KIND),
        post_id,
    )


def picture_with(session: Session, post_id: str, picture_id: str, viewer: str | None) -> Picture:
    """One that the visitor may see. Raises NotFoundError."""
    found = session.get(Picture, picture_id)
    if found is None or found.subject != subject_of(post_id):
        raise NotFoundError
    story = shown_post(session, post_id, viewer, KIND).post
    if found.taken_down is not None and story.organisation_id != viewer:
        raise NotFoundError
    return found
