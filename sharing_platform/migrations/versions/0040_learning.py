"""What organisations learn from each other: stories, meetings, training that is wanted, questions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.create_table(
        "learning_post",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id"), nullable=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=True),
        sa.Column("end", sa.DateTime(), nullable=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("told", sa.DateTime(), nullable=True),
        sa.Column("listing_id", sa.String(36), sa.ForeignKey("listing.id"), nullable=True),
        sa.Column("taken_down", sa.DateTime(), nullable=True),
    )
    op.create_index("learning_by_kind", "learning_post", ["status", "kind", "end"])
    op.create_index("learning_by_owner", "learning_post", ["organisation_id"])
    op.create_table(
        "learning_file",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("post_id", sa.String(36), sa.ForeignKey("learning_post.id"), nullable=False),
        sa.Column("file_id", sa.String(36), sa.ForeignKey("stored_file.id"), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
    )
    op.create_index("learning_file_by_post", "learning_file", ["post_id"])
    op.create_index("learning_file_by_file", "learning_file", ["file_id"])
    op.create_table(
        "learning_seat",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("post_id", sa.String(36), sa.ForeignKey("learning_post.id"), nullable=False),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("joined", sa.DateTime(), nullable=False),
    )
    op.create_index("seat_by_person", "learning_seat", ["post_id", "account_id"], unique=True)
    op.create_index("seat_by_account", "learning_seat", ["account_id"])
    op.create_index("seat_by_organisation", "learning_seat", ["organisation_id"])
    op.create_table(
        "learning_interest",
        sa.Column("post_id", sa.String(36), sa.ForeignKey("learning_post.id"), primary_key=True),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), primary_key=True),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("joined", sa.DateTime(), nullable=False),
    )
    op.create_index("interest_by_account", "learning_interest", ["account_id"])
    op.create_index("interest_by_organisation", "learning_interest", ["organisation_id"])
    op.create_table(
        "learning_settings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("enough", sa.Integer(), nullable=False),
    )
    op.create_table(
        "learning_answer",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("post_id", sa.String(36), sa.ForeignKey("learning_post.id"), nullable=False),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id"), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mark", sa.String(10), nullable=False),
        sa.Column("answered", sa.DateTime(), nullable=False),
        sa.Column("told", sa.DateTime(), nullable=True),
        sa.Column("taken_down", sa.DateTime(), nullable=True),
    )
    op.create_index("learning_answer_by_post", "learning_answer", ["post_id", "answered"])
    op.create_index("learning_answer_by_account", "learning_answer", ["account_id"])


def downgrade() -> None:
    for table in (
        "learning_answer",
        "learning_settings",
        "learning_interest",
        "learning_seat",
        "learning_file",
        "learning_post",
    ):
        op.drop_table(table)
