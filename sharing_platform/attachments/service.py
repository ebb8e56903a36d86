"""Attaching files to messages, and deleting them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sharing_platform.attachments.contents import MOST_BYTES, CheckedFile, check_file
from sharing_platform.attachments.models import Attachment, StoredFile
from sharing_platform.bounds import MOST_FILES, Bounds
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations.personal_data import ERASED_NAME
from sharing_platform.virus_scanner import VirusScanner

_MB = 1_000_000


class Upload(Protocol):
    """A file as it was sent."""

    @property
    def filename(self) -> str | None: ...

    @property
    def file(self) -> Readable: ...


class Readable(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes: ...


class Message(Protocol):
    """What files are attached to."""

    @property
    def id(self) -> int: ...

    @property
    def booking_id(self) -> str: ...


def read_uploads(uploads: Sequence[Upload], scanner: VirusScanner | None) -> list[CheckedFile]:
    """Look at each file before anything is written. Raises InvalidError, UnavailableError while the scanner is away."""
    if len(uploads) > MOST_FILES:
        raise InvalidError("file_count", "files")
    checked = []
    for upload in uploads:
        content = upload.file.read(MOST_BYTES + 1)
        file = check_file(upload.filename or "", content)
        if scanner is not None and not scanner.is_clean(content):
            raise InvalidError("file_infected", "files")
        checked.append(file)
    return checked


def attach(
    session: Session,
    messages: Sequence[Message],
    files: Sequence[CheckedFile],
    organisation: str,
    account: str | None,
    now: datetime,
    bounds: Bounds,
) -> None:
    """Attach files to a message; `messages`: the same one in each part of a request. Raises ConflictError where there are too many by now."""
    if not files:
        return
    bookings = [message.booking_id for message in messages]
    own = select(func.count(func.distinct(StoredFile.id))).join(Attachment, Attachment.file_id == StoredFile.id)
    own = own.where(Attachment.booking_id.in_(bookings), StoredFile.organisation_id == organisation)
    if (session.scalar(own) or 0) + len(files) > MOST_FILES:
        raise ConflictError("files_of_request")
    for file, stored in zip(files, store_files(session, files, organisation, account, now, bounds), strict=True):
        for message in messages:
            session.add(
                Attachment(
                    id=str(uuid.uuid4()),
                    booking_id=message.booking_id,
                    message_id=message.id,
                    file_id=stored.id,
                    account_id=account,
                    name=file.name,
                    kind=file.kind,
                    size=len(file.content),
                )
            )
    session.flush()


def store_files(
    session: Session,
    files: Sequence[CheckedFile],
    organisation: str,
    account: str | None,
    now: datetime,
    bounds: Bounds,
) -> list[StoredFile]:
    """Keep the contents of files. `account`: with whom they are erased, None for what belongs to the organisation. Raises ConflictError where the organisation has too many by now."""
    kept = session.scalar(select(func.sum(StoredFile.size)).where(StoredFile.organisation_id == organisation)) or 0
    if kept + sum(len(file.content) for file in files) > bounds.attachments_mb_of_organisation * _MB:
        raise ConflictError("files_of_organisation")
    stored = [
        StoredFile(
            id=str(uuid.uuid4()), organisation_id=organisation, account_id=account, created=now,
            size=len(file.content), content=file.content,
        )
        for file in files
    ]  # fmt: skip
    session.add_all(stored)
    session.flush()
    return stored


def attachments_of(session: Session, booking_id: str) -> dict[int, list[Attachment]]:
    """By message, in the order in which they were chosen."""
    found: dict[int, list[Attachment]] = {}
    query = select(Attachment).where(Attachment.booking_id == booking_id)
    for one in session.scalars(query.order_by(Attachment.message_id, Attachment.name, Attachment.id)):
        found.setdefault(one.message_id, []).append(one)
    return found


def attachment_with(session: Session, booking_id: str, attachment_id: str) -> tuple[Attachment, bytes]:
    """With its content. Raises NotFoundError, also for one that was deleted."""
    found = session.get(Attachment, attachment_id)
    if found is None or found.booking_id != booking_id or found.file_id is None:
        raise NotFoundError
    content = session.scalar(select(StoredFile.content).where(StoredFile.id == found.file_id))
    if content is None:
        raise NotFoundError
    return found, content


def delete_files(session: Session, files: Iterable[str]) -> None:
    """That they were there stays."""
    ids = list(files)
    session.execute(update(Attachment).where(Attachment.file_id.in_(ids)).values(file_id=None))
    session.execute(delete(StoredFile).where(StoredFile.id.in_(ids)))


def erase_files_of(session: Session, account: str) -> None:
    """What a person has attached."""
    delete_files(session, session.scalars(select(StoredFile.id).where(StoredFile.account_id == account)).all())
    session.execute(update(Attachment).where(Attachment.account_id == account).values(name=ERASED_NAME))
