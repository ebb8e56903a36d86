"""A declined request says whether its factory keeps the hours for itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    # What was declined before stands on offer again.
    op.add_column("booking", sa.Column("hours_kept", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("booking", "hours_kept")
