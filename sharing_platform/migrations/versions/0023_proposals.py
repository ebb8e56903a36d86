"""Other hours, another price and quotes for a request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("booking", sa.Column("vat_percent", sa.Numeric(4, 2), nullable=False, server_default="21"))
    op.create_table(
        "booking_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("booking_id", sa.String(36), sa.ForeignKey("booking.id"), nullable=False),
        sa.Column("party", sa.String(10), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("price", sa.Numeric(12, 2), nullable=True),
        sa.Column("vat_percent", sa.Numeric(4, 2), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("valid_until", sa.DateTime(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("answered", sa.DateTime(), nullable=True),
    )
    op.create_index("proposal_by_booking", "booking_proposal", ["booking_id"])


def downgrade() -> None:
    op.drop_table("booking_proposal")
    op.drop_column("booking", "vat_percent")
