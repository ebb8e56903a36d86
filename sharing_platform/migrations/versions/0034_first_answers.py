"""What requests with an idempotency key were answered the first time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("booking", sa.Column("first_answer", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("booking", "first_answer")
