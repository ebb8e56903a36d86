"""Hours of a machine that its people keep for themselves or offer by hand, and pictures of machines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("offer", sa.Column("by_hand", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "kept_hours",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("factory", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
    )
    op.create_index("kept_hours_by_machine", "kept_hours", ["factory", "machine", "end"])
    op.create_table(
        "machine_picture",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("factory", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alt", sa.String(200), nullable=False),
        sa.Column("added", sa.DateTime(), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.Column("medium", sa.LargeBinary(), nullable=False),
        sa.Column("large", sa.LargeBinary(), nullable=False),
        sa.Column("preview", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["factory", "machine"], ["machine.factory", "machine.machine"]),
    )
    op.create_index("machine_picture_by_machine", "machine_picture", ["factory", "machine", "position"])


def downgrade() -> None:
    op.drop_table("machine_picture")
    op.drop_table("kept_hours")
    op.drop_column("offer", "by_hand")
