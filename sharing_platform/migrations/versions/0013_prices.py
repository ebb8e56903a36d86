"""Offers say which of their hours cost another price than the rest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("offer", sa.Column("prices", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("offer", sa.Column("lowest_per_hour", sa.Numeric(10, 2), nullable=True))
    op.execute("UPDATE offer SET lowest_per_hour = price_per_hour")


def downgrade() -> None:
    op.drop_column("offer", "lowest_per_hour")
    op.drop_column("offer", "prices")
