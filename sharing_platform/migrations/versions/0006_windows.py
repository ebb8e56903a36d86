"""Offers say which windows of them can be booked, and how long a booking may be. Offers without windows are one window, as before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("offer", sa.Column("windows", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("offer", sa.Column("maximum_hours", sa.Float(), nullable=True))
    op.add_column("offer", sa.Column("longest_s", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE offer SET longest_s = length_s")


def downgrade() -> None:
    op.drop_column("offer", "longest_s")
    op.drop_column("offer", "maximum_hours")
    op.drop_column("offer", "windows")
