"""Months of which figures have come to the comparison, which stay known when the figures are deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.create_table(
        "comparison_spent",
        sa.Column("organisation", sa.String(63), primary_key=True),
        sa.Column("process_class", sa.Integer(), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
    )
    op.execute(
        "INSERT INTO comparison_spent (organisation, process_class, month) "
        "SELECT organisation, process_class, month FROM comparison_contribution"
    )


def downgrade() -> None:
    op.drop_table("comparison_spent")
