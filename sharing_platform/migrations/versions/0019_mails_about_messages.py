"""When each side of a booking was last told of a message by e-mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("booking", sa.Column("seeker_mailed", sa.DateTime(), nullable=True))
    op.add_column("booking", sa.Column("provider_mailed", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("booking", "provider_mailed")
    op.drop_column("booking", "seeker_mailed")
