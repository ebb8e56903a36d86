"""What people choose about e-mails, what waits for their summary of the day, and e-mails that can be stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("mail", sa.Column("unsubscribe", sa.String(300), nullable=True))
    op.create_table(
        "mail_settings",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "digest_item",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("digest_by_account", "digest_item", ["account_id", "created"])


def downgrade() -> None:
    op.drop_table("digest_item")
    op.drop_table("mail_settings")
    op.drop_column("mail", "unsubscribe")
