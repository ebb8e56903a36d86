"""Who takes part in the comparison of factories, and what they contribute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.create_table(
        "comparison_participant",
        sa.Column("organisation", sa.String(63), primary_key=True),
        sa.Column("takes_part", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "comparison_contribution",
        sa.Column("organisation", sa.String(63), primary_key=True),
        sa.Column("process_class", sa.Integer(), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("comparison_contribution")
    op.drop_table("comparison_participant")
