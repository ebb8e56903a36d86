"""Machines, offers, bookings; no two bookings of the same hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "machine",
        sa.Column("factory", sa.String(63), primary_key=True),
        sa.Column("machine", sa.String(63), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("process", sa.String(100), nullable=False),
        sa.Column("now", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime()),
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("factory", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
    )
    op.create_index("offer_by_time", "offer", ["status", "start"])
    op.create_index("offer_by_machine", "offer", ["factory", "machine"])
    op.create_table(
        "booking",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("offer_id", sa.String(64), sa.ForeignKey("offer.id"), nullable=False, unique=True),
        sa.Column("factory", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("booked", sa.DateTime(), nullable=False),
    )
    op.create_index("booking_by_machine", "booking", ["factory", "machine", "start"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        op.execute(
            "ALTER TABLE booking ADD CONSTRAINT booking_no_overlap EXCLUDE USING gist "
            '(factory WITH =, machine WITH =, tsrange("start", "end") WITH &&)'
        )
        return
    op.execute(
        """
        CREATE TRIGGER booking_no_overlap BEFORE INSERT ON booking
        WHEN EXISTS (SELECT 1 FROM booking WHERE factory = NEW.factory AND machine = NEW.machine
                     AND start < NEW."end" AND "end" > NEW.start)
        BEGIN SELECT RAISE(ABORT, 'these hours are booked already'); END
        """
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER booking_no_overlap")
    for table in ("booking", "offer", "machine"):
        op.drop_table(table)
