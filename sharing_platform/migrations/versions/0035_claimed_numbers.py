"""Numbers that organisations give although another one has them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.add_column("organisation", sa.Column("claimed", sa.String(20), nullable=True))


def downgrade() -> None:
    op.drop_column("organisation", "claimed")
