"""Neighbouring regions: their keys, what is shared with them, and requests that are forwarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.create_table(
        "federation_key",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
    )
    op.create_table(
        "neighbour",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("url", sa.String(300), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("added", sa.DateTime(), nullable=False),
        sa.Column("agreed", sa.DateTime()),
        sa.Column("ended", sa.DateTime()),
        sa.Column("ended_there", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id")),
        sa.Column("zone", sa.String(60), nullable=False, server_default=""),
        sa.Column("heard", sa.DateTime()),
        sa.Column("read", sa.DateTime()),
        sa.Column("mark", sa.String(60)),
        sa.Column("due", sa.DateTime()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("trouble", sa.String(20), nullable=False, server_default=""),
    )
    op.create_index("neighbour_due", "neighbour", ["state", "due"])
    op.create_index("neighbour_by_key", "neighbour", ["public_key"])
    op.create_table(
        "shared_item",
        sa.Column("neighbour_id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.JSON()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
    )
    op.create_index("shared_by_sequence", "shared_item", ["sequence"])
    op.create_table(
        "neighbour_item",
        _neighbour(),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    op.create_index("neighbour_item_by_kind", "neighbour_item", ["kind", "neighbour_id"])
    op.create_table(
        "used_nonce",
        _neighbour(),
        sa.Column("nonce", sa.String(64), primary_key=True),
        sa.Column("expires", sa.DateTime(), nullable=False),
    )
    op.create_index("nonce_expires", "used_nonce", ["expires"])
    op.create_table(
        "forwarded_request",
        sa.Column("id", sa.String(36), primary_key=True),
        _neighbour(key=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("organisation_id", sa.String(63), sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id")),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("asked", sa.DateTime(), nullable=False),
        sa.Column("valid_until", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("told", sa.String(12)),
        sa.Column("at_home", sa.JSON(), nullable=False),
        sa.Column("contact", sa.String(8), nullable=False),
    )
    op.create_index("forwarded_by_organisation", "forwarded_request", ["organisation_id", "asked"])
    op.create_index("forwarded_by_neighbour", "forwarded_request", ["neighbour_id", "state"])
    op.create_index("forwarded_by_account", "forwarded_request", ["account_id"])
    op.create_table(
        "received_request",
        _neighbour(),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("booking_id", sa.String(36), sa.ForeignKey("booking.id")),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
    )
    op.create_index("received_by_booking", "received_request", ["booking_id"])


def _neighbour(key: bool = True) -> sa.Column[str]:
    return sa.Column("neighbour_id", sa.String(36), sa.ForeignKey("neighbour.id"), primary_key=key, nullable=False)


def downgrade() -> None:
    for table in (
        "received_request",
        "forwarded_request",
        "used_nonce",
        "neighbour_item",
        "shared_item",
        "neighbour",
        "federation_key",
    ):
        op.drop_table(table)
