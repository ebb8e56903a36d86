"""Pictures of machines and of listings in one table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

_NAMES = ("id", "position", "alt", "added", "taken_down", "small", "medium", "large", "preview")
_SAME = ", ".join(_NAMES)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alt", sa.String(200), nullable=False),
        sa.Column("added", sa.DateTime(), nullable=False),
        sa.Column("taken_down", sa.DateTime(), nullable=True),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("small", "medium", "large", "preview")),
    ]


def upgrade() -> None:
    op.create_table("picture", sa.Column("subject", sa.String(127), nullable=False), *_columns())
    op.execute(f"INSERT INTO picture (subject, {_SAME}) SELECT factory || '/' || machine, {_SAME} FROM machine_picture")
    op.drop_table("machine_picture")
    op.create_index("picture_by_subject", "picture", ["subject", "position"])


def downgrade() -> None:
    """Pictures of listings are lost: the version before has no place for them."""
    op.create_table(
        "machine_picture",
        sa.Column("factory", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        *_columns(),
        sa.ForeignKeyConstraint(["factory", "machine"], ["machine.factory", "machine.machine"]),
    )
    op.execute(
        f"INSERT INTO machine_picture (factory, machine, {_SAME}) SELECT machine.factory, machine.machine, {', '.join(f'picture.{name}' for name in _NAMES)}"
        " FROM picture JOIN machine ON picture.subject = machine.factory || '/' || machine.machine"
    )
    op.drop_table("picture")
    op.create_index("machine_picture_by_machine", "machine_picture", ["factory", "machine", "position"])
