"""A request may have several parts, which are answered together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("booking", sa.Column("request_id", sa.String(36), nullable=True))
    op.create_index("booking_by_parts", "booking", ["request_id"])


def downgrade() -> None:
    op.drop_index("booking_by_parts", "booking")
    op.drop_column("booking", "request_id")
