"""Certificates of attendance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "attendance_certificate",
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("listing_id", sa.String(36), nullable=False),
        sa.Column("booking_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("issued", sa.DateTime(), nullable=False),
        sa.Column("withdrawn", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"]),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"]),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("certificate_by_listing", "attendance_certificate", ["listing_id"])
    op.create_index("certificate_by_booking", "attendance_certificate", ["booking_id"])


def downgrade() -> None:
    op.drop_table("attendance_certificate")
