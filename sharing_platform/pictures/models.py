"""Table of pictures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime
from sharing_platform.public_version import ShownToAnybody

OF_STORIES = "story:"
"""What the subject of a success story's pictures begins with."""


class Picture(ShownToAnybody, Base):
    """A picture, made anew from what was uploaded, in three sizes as WebP and once, as JPEG, for programs that show links. They are kept in the database, as attachments are: every
    process reads the same ones, and a backup has them. `subject`: what it shows, `factory/machine`, the id of a listing, or `story:` and the id of a success story."""

    __tablename__ = "picture"
    __table_args__ = (Index("picture_by_subject", "subject", "position"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(String(127))
    position: Mapped[int] = mapped_column(Integer)
    alt: Mapped[str] = mapped_column(String(200))
    """What it shows, for whoever cannot see it; empty where it adds nothing to the title."""
    added: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from all but its owner."""
    small: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    medium: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    large: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    preview: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

    @property
    def path(self) -> str:
        """Without its size."""
        if "/" in self.subject:
            return f"/pictures/{self.id}"
        if self.subject.startswith(OF_STORIES):
            return f"/learning/{self.subject.removeprefix(OF_STORIES)}/pictures/{self.id}"
        return f"/listings/{self.subject}/pictures/{self.id}"
