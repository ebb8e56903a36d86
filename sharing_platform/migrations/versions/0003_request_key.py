"""A booking remembers the request that made it, so that the same request again is harmless."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Not as a batch: SQLite would make the table anew, without the trigger that keeps bookings apart.
    op.add_column("booking", sa.Column("request_key", sa.String(64)))
    op.create_index("booking_by_request", "booking", ["request_key"], unique=True)


def downgrade() -> None:
    op.drop_index("booking_by_request", "booking")
    op.drop_column("booking", "request_key")
