"""Self-assessment: answers, goals, and what organisations show others that they are good at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.create_table(
        "assessment_answer",
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), primary_key=True),
        sa.Column("question", sa.String(40), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("edition", sa.Integer(), nullable=False),
    )
    op.create_table(
        "assessment_goal",
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), primary_key=True),
        sa.Column("transformation", sa.String(40), primary_key=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("remind", sa.DateTime(), nullable=True),
    )
    op.create_index("assessment_goal_by_remind", "assessment_goal", ["remind"])
    op.create_table(
        "shown_strength",
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), primary_key=True),
        sa.Column("transformation", sa.String(40), primary_key=True),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("listing_id", sa.String(36), sa.ForeignKey("listing.id"), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("shown_strength")
    op.drop_index("assessment_goal_by_remind", "assessment_goal")
    op.drop_table("assessment_goal")
    op.drop_table("assessment_answer")
