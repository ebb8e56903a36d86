"""On what terms hours are offered: operator, price, who may see them; and their length, to search by."""

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
        table.add_column(sa.Column("length_s", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("offer_by_time", "offer")
    op.create_index("offer_by_time", "offer", ["status", "start", "id"])
    op.create_index("offer_by_factory_and_time", "offer", ["status", "factory", "start", "id"])
    op.create_index("offer_by_length", "offer", ["status", "length_s"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            """UPDATE offer SET length_s = CAST(strftime('%s', "end") AS INTEGER) - CAST(strftime('%s', start) AS INTEGER)"""
        )
    else:
        op.execute('UPDATE offer SET length_s = EXTRACT(EPOCH FROM "end" - start)')


def downgrade() -> None:
    for index in ("offer_by_time", "offer_by_factory_and_time", "offer_by_length"):
        op.drop_index(index, "offer")
    op.create_index("offer_by_time", "offer", ["status", "start"])
    with op.batch_alter_table("offer") as table:
        for column in ("operator", "price_per_hour", "price_minimum", "visibility", "partners", "length_s"):
            table.drop_column(column)
