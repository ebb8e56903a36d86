"""Reports of content, decisions on them, content that was taken down, and the key of signed links."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_CONTENT = ("machine", "listing", "search")


def upgrade() -> None:
    for table in _CONTENT:
        op.add_column(table, sa.Column("taken_down", sa.DateTime(), nullable=True))
    keys = op.create_table(
        "signing_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(keys, [{"id": 1, "secret": secrets.token_urlsafe(32)}])
    op.create_table(
        "moderation_decision",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("ground", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reported", sa.DateTime(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("appealed", sa.DateTime(), nullable=True),
        sa.Column("appeal", sa.Text(), nullable=False),
        sa.Column("answered", sa.DateTime(), nullable=True),
        sa.Column("answer", sa.String(10), nullable=True),
        sa.Column("answer_text", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decision_by_owner", "moderation_decision", ["owner", "at"])
    op.create_index("decision_by_time", "moderation_decision", ["at"])
    op.create_table(
        "report",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False),
        sa.Column("page", sa.String(200), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("announced", sa.DateTime(), nullable=True),
        sa.Column("decision_id", sa.String(36), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["decision_id"], ["moderation_decision.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("report_by_subject", "report", ["kind", "subject"])
    op.create_index("report_by_decision", "report", ["decision_id"])


def downgrade() -> None:
    op.drop_table("report")
    op.drop_table("moderation_decision")
    op.drop_table("signing_key")
    for table in _CONTENT:
        op.drop_column(table, "taken_down")
