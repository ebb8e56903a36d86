"""Pages that the region edits, with what is shipped as their first version, and who has accepted which terms."""

from __future__ import annotations

from datetime import datetime
from importlib import resources

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_SHIPPED = datetime(2026, 1, 1)  # noqa: DTZ001 - as the database keeps moments


def upgrade() -> None:
    pages = op.create_table(
        "page_version",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("nl", sa.Text(), nullable=False),
        sa.Column("fr", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("effective", sa.DateTime(), nullable=False),
        sa.Column("made", sa.DateTime(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number"),
    )
    shipped = resources.files("sharing_platform.site_pages") / "shipped"
    op.bulk_insert(
        pages,
        [
            {
                "name": name, "number": 1, "effective": _SHIPPED, "made": _SHIPPED, "account_id": None, "announced": True,
                **{language: (shipped / f"{name}.{language}.md").read_text(encoding="utf-8") for language in ("nl", "fr", "en")},
            }
            for name in ("about", "contact", "privacy", "terms")
        ],
    )  # fmt: skip
    op.create_table(
        "terms_acceptance",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "number"),
    )


def downgrade() -> None:
    op.drop_table("terms_acceptance")
    op.drop_table("page_version")
