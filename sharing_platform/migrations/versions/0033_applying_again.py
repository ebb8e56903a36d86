"""Organisations that were refused and have applied again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.add_column("organisation", sa.Column("applications", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("organisation", sa.Column("application", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("organisation", "application")
    op.drop_column("organisation", "applications")
