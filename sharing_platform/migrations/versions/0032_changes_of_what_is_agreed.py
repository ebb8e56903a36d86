"""Other hours and prices of bookings that are accepted already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("booking", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("booking_proposal", sa.Column("of_agreed", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("booking_proposal", "of_agreed")
    op.drop_column("booking", "revision")
