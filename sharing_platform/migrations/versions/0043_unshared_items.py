"""What is not shared with neighbouring regions, as it is beyond the bounds of what they take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.create_table(
        "unshared_item",
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("field", sa.String(100), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("unshared_item")
