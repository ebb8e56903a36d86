"""Messages that the region has hidden from the other party."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("booking_message", sa.Column("taken_down", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("booking_message", "taken_down")
