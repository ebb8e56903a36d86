"""What the parties of a booking say of how it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "booking_review",
        sa.Column("booking_id", sa.String(36), nullable=False),
        sa.Column("party", sa.String(10), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"]),
        sa.PrimaryKeyConstraint("booking_id", "party"),
    )


def downgrade() -> None:
    op.drop_table("booking_review")
