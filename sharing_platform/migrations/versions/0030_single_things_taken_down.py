"""Files, quotes, reviews and pictures that the region has taken down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_TABLES = ("attachment", "booking_proposal", "booking_review", "machine_picture")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("taken_down", sa.DateTime(), nullable=True))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "taken_down")
