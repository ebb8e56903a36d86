"""Calendar entries that go with e-mails, and reminders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("mail", sa.Column("calendars", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("booking", sa.Column("reminded", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("booking", "reminded")
    op.drop_column("mail", "calendars")
