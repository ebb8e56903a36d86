"""Deletes files that nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from sharing_platform.attachments.models import Attachment, StoredFile
from sharing_platform.attachments.service import delete_files
from sharing_platform.bookings.lifecycle import ENDED
from sharing_platform.bookings.models import Booking, BookingEvent

_PORTION = 100


def delete_due_files(session: Session, now: datetime, kept: timedelta, needed_still: Sequence[Select[str]]) -> int:
    """Delete files whose bookings have all ended at least so long ago, a portion at a time. `needed_still`: ids of files that are kept for something else. Returns how many."""
    after = select(BookingEvent.id).where(BookingEvent.booking_id == Booking.id, BookingEvent.at > now - kept)
    needed = (
        exists()
        .where(Attachment.file_id == StoredFile.id, Booking.id == Attachment.booking_id)
        .where(or_(Booking.state.not_in(ENDED), after.exists()))
    )
    due = session.scalars(
        select(StoredFile.id).where(~needed, *(StoredFile.id.not_in(one) for one in needed_still)).limit(_PORTION)
    ).all()
    delete_files(session, due)
    return len(due)
