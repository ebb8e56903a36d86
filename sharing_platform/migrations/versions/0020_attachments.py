"""Files that go with a request or a message, and how many pieces it is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("booking_message", sa.Column("quantity", sa.Integer(), nullable=True))
    op.create_table(
        "stored_file",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("stored_file_by_organisation", "stored_file", ["organisation_id"])
    op.create_table(
        "attachment",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("booking_id", sa.String(36), sa.ForeignKey("booking.id"), nullable=False),
        sa.Column("message_id", sa.Integer(), sa.ForeignKey("booking_message.id"), nullable=False),
        sa.Column("file_id", sa.String(36), sa.ForeignKey("stored_file.id"), nullable=True),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
    )
    for column in ("message_id", "booking_id", "file_id"):
        op.create_index(f"attachment_by_{column.removesuffix('_id')}", "attachment", [column])


def downgrade() -> None:
    op.drop_table("attachment")
    op.drop_table("stored_file")
    op.drop_column("booking_message", "quantity")
