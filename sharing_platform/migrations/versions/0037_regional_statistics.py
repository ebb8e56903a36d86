"""Summaries of what is shared in the region, and the figures that are published of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def _keys(*names: str) -> list[sa.Column[str]]:
    lengths = {"subject": 8, "measure": 12, "kind": 40, "area": 40, "source": 63, "provider": 63, "seeker": 63}
    return [sa.Column(name, sa.String(lengths.get(name, 100)), primary_key=True) for name in names]


def upgrade() -> None:
    op.create_table(
        "regional_summary",
        sa.Column("week", sa.Date(), primary_key=True),
        *_keys("source", "subject", "measure", "kind", "municipality", "towards", "provider", "seeker"),
        sa.Column("size", sa.Integer(), nullable=False),
    )
    op.create_index("summary_by_source", "regional_summary", ["source", "week"])
    op.create_table(
        "search_count",
        sa.Column("week", sa.Date(), primary_key=True),
        *_keys("kind", "area"),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "summary_progress",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("read_until", sa.DateTime(), nullable=True),
    )
    op.create_table(
        "published_week",
        sa.Column("week", sa.Date(), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "published_figure",
        sa.Column("week", sa.Date(), primary_key=True),
        *_keys("subject", "measure", "kind", "area", "municipality"),
        sa.Column("size", sa.Integer(), nullable=False),
    )
    op.create_table(
        "published_flow",
        sa.Column("quarter", sa.Date(), primary_key=True),
        *_keys("kind", "area"),
        sa.Column("towards", sa.String(40), primary_key=True),
        sa.Column("size", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    for table in ("published_flow", "published_figure", "published_week", "summary_progress", "search_count"):
        op.drop_table(table)
    op.drop_index("summary_by_source", "regional_summary")
    op.drop_table("regional_summary")
