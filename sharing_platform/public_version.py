"""The version of what pages show to anybody: another number after each change of it, whichever process made it.

A change is counted in its own transaction, so that whoever reads the version before what is shown never takes something old for something new. Writers never wait for
each other: each counts in a row that no other has locked, or in a new one. Rows are never deleted, and the version is their sum, which only grows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, event, func, insert, select, update
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column

from sharing_platform.database import Base

_CHANGED = "public_version_changed"


class PublicVersion(Base):
    """As many rows as writers have ever counted at a time."""

    __tablename__ = "public_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class ShownToAnybody:
    """A table whose rows pages for anybody may show: every change is counted."""

    def changes_what_is_shown(self) -> bool:
        """Whether the changes of a row that are not flushed yet can be seen by anybody."""
        return True


_SUM = select(func.coalesce(func.sum(PublicVersion.version), 0))
_FREE = select(PublicVersion.id).order_by(PublicVersion.id).limit(1).with_for_update(skip_locked=True)
_COUNT_ON = (
    update(PublicVersion).where(PublicVersion.id == _FREE.scalar_subquery()).values(version=PublicVersion.version + 1)
)
"""Built once: nearly every change counts, and every page for anybody reads."""


def public_version(session: Session) -> int:
    """To be read before what it is the version of."""
    return session.scalar(_SUM) or 0


@event.listens_for(Session, "after_flush")
def _note_flushed(session: Session, _: Any) -> None:
    if session.info.get(_CHANGED):
        return
    changed = (one for one in session.dirty if session.is_modified(one))
    session.info[_CHANGED] = any(isinstance(one, ShownToAnybody) for one in (*session.new, *session.deleted)) or any(
        isinstance(one, ShownToAnybody) and one.changes_what_is_shown() for one in changed
    )


@event.listens_for(Session, "do_orm_execute")
def _note_executed(executed: ORMExecuteState) -> None:
    """Statements that change rows without reading them first."""
    if executed.is_select or executed.bind_mapper is None:
        return
    if issubclass(executed.bind_mapper.class_, ShownToAnybody):
        executed.session.info[_CHANGED] = True


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    """Where a savepoint alone is undone, what was changed before it is still committed."""
    if not session.in_nested_transaction():
        session.info.pop(_CHANGED, None)


@event.listens_for(Session, "before_commit")
def _count(session: Session) -> None:
    """As late as possible: the row is locked until the transaction has ended."""
    if session.in_nested_transaction():
        return
    session.flush()
    if not session.info.pop(_CHANGED, False):
        return
    own = session.connection()
    if own.execute(_COUNT_ON).rowcount == 0:
        own.execute(insert(PublicVersion).values(version=1))
