"""On what terms hours are offered: operator, price, who may see them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("offer") as table:
        table.add_column(sa.Column("operator", sa.String(20), nullable=False, server_default="included"))
        table.add_column(sa.Column("price_per_hour", sa.Numeric(10, 2)))
        table.add_column(sa.Column("price_minimum", sa.Numeric(10, 2)))
        table.add_column(sa.Column("visibility", sa.String(10), nullable=False, server_default="public"))
        table.add_column(sa.Column("partners", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("offer") as table:
        for column in ("operator", "price_per_hour", "price_minimum", "visibility", "partners"):
            table.drop_column(column)
