"""Wanted notices have parts, and answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("search", sa.Column("parent_id", sa.String(36), nullable=True))
    op.add_column("search", sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("search_by_parent", "search", ["parent_id"])
    op.create_table(
        "notice_answer",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("search_id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("answered", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["search_id"], ["search.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answer_by_search", "notice_answer", ["search_id", "organisation_id"], unique=True)


def downgrade() -> None:
    op.drop_table("notice_answer")
    op.execute("DELETE FROM search_match WHERE search_id IN (SELECT id FROM search WHERE parent_id IS NOT NULL)")
    op.execute("DELETE FROM search WHERE parent_id IS NOT NULL")
    op.drop_index("search_by_parent", "search")
    op.drop_column("search", "position")
    op.drop_column("search", "parent_id")
