"""Why the region refused an organisation, and when its administrators were told that one applied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("organisation", sa.Column("refusal", sa.Text(), nullable=False, server_default=""))
    op.add_column("organisation", sa.Column("announced", sa.DateTime(), nullable=True))
    # The administrators know those that are there already.
    op.execute("UPDATE organisation SET announced = created")


def downgrade() -> None:
    op.drop_column("organisation", "announced")
    op.drop_column("organisation", "refusal")
