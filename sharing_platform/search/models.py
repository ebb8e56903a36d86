"""Table of the search index's version."""

from __future__ import annotations

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base


class IndexVersion(Base):
    """Incremented with each change of what can be found, so that every process knows when to read it again."""

    __tablename__ = "catalogue_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
