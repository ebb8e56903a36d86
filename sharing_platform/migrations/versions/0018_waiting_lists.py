"""Waiting lists of trainings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "waiting_place",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("listing_id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("joined", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("confirm_until", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("waiting_by_listing", "waiting_place", ["listing_id", "state", "id"])
    op.create_index("waiting_by_organisation", "waiting_place", ["organisation_id", "state"])


def downgrade() -> None:
    op.drop_table("waiting_place")
