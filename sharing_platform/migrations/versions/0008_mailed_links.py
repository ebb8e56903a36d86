"""Mailed links have a purpose and an object, and belong to an address instead of an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ACCOUNT = sa.table("account", sa.column("id", sa.String), sa.column("email", sa.String))
_LINK = sa.table(
    "mailed_link",
    *(sa.column(name, sa.String) for name in ("hash", "account_id", "purpose", "email")),
    *(sa.column(name, sa.DateTime) for name in ("expires", "used")),
)


def upgrade() -> None:
    links = sa.select(_LINK.c.hash, _ACCOUNT.c.email, _LINK.c.expires, _LINK.c.used)
    kept = op.get_bind().execute(links.join(_ACCOUNT, _ACCOUNT.c.id == _LINK.c.account_id)).mappings().all()
    op.drop_table("mailed_link")
    made = op.create_table(
        "mailed_link",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("used", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("mailed_link_by_email", "mailed_link", ["email"])
    # Nobody knows what an older link was sent for. Choosing a password is the least that it can have meant.
    op.bulk_insert(made, [{**link, "purpose": "password", "subject": "", "details": {}} for link in kept])
    op.create_index("booking_by_email", "booking", ["email"])


def downgrade() -> None:
    op.drop_index("booking_by_email", "booking")
    links = sa.select(_LINK.c.hash, _ACCOUNT.c.id.label("account_id"), _LINK.c.expires, _LINK.c.used)
    links = links.join(_ACCOUNT, _ACCOUNT.c.email == _LINK.c.email).where(_LINK.c.purpose == "password")
    kept = op.get_bind().execute(links).mappings().all()
    op.drop_table("mailed_link")
    made = op.create_table(
        "mailed_link",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("used", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.bulk_insert(made, [dict(link) for link in kept])
