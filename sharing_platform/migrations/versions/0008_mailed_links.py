"""Mailed links have a purpose and an object, and belong to an address instead of an account. Invitations wait until the person accepts. Known devices."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ACCOUNT = sa.table(
    "account", *(sa.column(name, sa.String) for name in ("id", "email", "name")), sa.column("confirmed", sa.DateTime)
)
_MEMBERSHIP = sa.table(
    "membership",
    *(sa.column(name, sa.String) for name in ("account_id", "organisation_id", "role")),
    sa.column("created", sa.DateTime),
)
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
    invitation = op.create_table(
        "invitation",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("invitation_by_organisation", "invitation", ["organisation_id", "email"], unique=True)
    op.create_index("invitation_by_email", "invitation", ["email"])
    op.create_table(
        "known_device",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("hash", "account_id"),
    )
    op.create_index("known_device_by_account", "known_device", ["account_id"])
    op.bulk_insert(invitation, _take_out_invited_members())


def _take_out_invited_members() -> list[dict[str, Any]]:
    """Invitations instead of memberships for those who have never confirmed their address: others added them, and they have not agreed. Who founded an
    organisation alone stays in it."""
    others, people = _MEMBERSHIP.alias(), _ACCOUNT.alias()
    confirmed = (
        sa.exists()
        .where(others.c.organisation_id == _MEMBERSHIP.c.organisation_id)
        .where(others.c.account_id == people.c.id, people.c.confirmed.is_not(None))
    )
    added = sa.select(_MEMBERSHIP, _ACCOUNT.c.email, _ACCOUNT.c.name).join(
        _ACCOUNT, _ACCOUNT.c.id == _MEMBERSHIP.c.account_id
    )
    connection = op.get_bind()
    found = connection.execute(added.where(_ACCOUNT.c.confirmed.is_(None), confirmed)).mappings().all()
    for one in found:
        connection.execute(
            sa.delete(_MEMBERSHIP).where(
                _MEMBERSHIP.c.account_id == one["account_id"], _MEMBERSHIP.c.organisation_id == one["organisation_id"]
            )
        )
    kept = ("organisation_id", "email", "name", "role", "created")
    return [
        {
            **{name: one[name] for name in kept},
            "id": str(uuid.uuid4()),
            "expires": one["created"] + timedelta(days=365),
        }
        for one in found
    ]


def downgrade() -> None:
    op.execute(
        "INSERT INTO membership (account_id, organisation_id, role, created) SELECT a.id, i.organisation_id, i.role, i.created "
        "FROM invitation i JOIN account a ON a.email = i.email WHERE a.confirmed IS NULL"
    )
    op.drop_table("invitation")
    op.drop_table("known_device")
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
