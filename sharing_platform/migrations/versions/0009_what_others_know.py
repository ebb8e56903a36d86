"""Offers have one id for their factory and one for everybody else; anonymous machines and what is asked of them have an alias. Of a machine's state, what others see
is kept. Organisations have a country and a number that is theirs alone."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_IS_ANONYMOUS = sa.text("alias IS NOT NULL")


def upgrade() -> None:
    op.add_column("machine", sa.Column("alias", sa.String(20), nullable=True))
    op.create_index("machine_by_alias", "machine", ["alias"], unique=True)
    op.add_column("machine", sa.Column("quarter", sa.DateTime(), nullable=True))
    op.add_column("machine", sa.Column("quarter_now", sa.String(20), nullable=False, server_default="not_shown"))
    op.add_column("booking", sa.Column("alias", sa.String(20), nullable=True))
    op.add_column("offer", sa.Column("own_id", sa.String(64), nullable=False, server_default=""))
    op.add_column("offer", sa.Column("public_id", sa.String(64), nullable=False, server_default=""))
    op.add_column("offer", sa.Column("alias", sa.String(20), nullable=True))
    op.execute("UPDATE offer SET own_id = id, public_id = id")
    op.create_index("offer_by_own_id", "offer", ["factory", "own_id"], unique=True)
    op.create_index("offer_by_public_id", "offer", ["public_id"], unique=True)
    op.create_index("offer_by_alias", "offer", ["alias"], sqlite_where=_IS_ANONYMOUS, postgresql_where=_IS_ANONYMOUS)
    _order_by("public_id")
    op.add_column("organisation", sa.Column("country", sa.String(2), nullable=False, server_default=""))
    op.add_column("organisation", sa.Column("identifier", sa.String(20), nullable=True))
    _read_enterprise_numbers()
    op.create_index("organisation_by_identifier", "organisation", ["identifier"], unique=True)


def _read_enterprise_numbers() -> None:
    """From Belgian VAT numbers, which are enterprise numbers. Where several organisations gave the same, each is asked again."""
    connection = op.get_bind()
    numbers: dict[str, list[str]] = {}
    for row in connection.execute(sa.text("SELECT id, vat FROM organisation WHERE vat LIKE 'BE%'")):
        digits = re.sub(r"[ .]", "", row.vat.removeprefix("BE"))
        if re.fullmatch(r"[01]\d{9}", digits) and int(digits[8:]) == 97 - int(digits[:8]) % 97:
            numbers.setdefault(digits, []).append(row.id)
    for digits, ids in numbers.items():
        if len(ids) == 1:
            given = {"id": ids[0], "identifier": f"BE{digits}"}
            connection.execute(
                sa.text("UPDATE organisation SET country = 'BE', identifier = :identifier WHERE id = :id"), given
            )


def downgrade() -> None:
    op.drop_index("organisation_by_identifier", "organisation")
    op.drop_column("organisation", "identifier")
    op.drop_column("organisation", "country")
    _order_by("id")
    for index in ("offer_by_alias", "offer_by_public_id", "offer_by_own_id"):
        op.drop_index(index, "offer")
    for column in ("alias", "public_id", "own_id"):
        op.drop_column("offer", column)
    op.drop_column("booking", "alias")
    op.drop_index("machine_by_alias", "machine")
    for column in ("quarter_now", "quarter", "alias"):
        op.drop_column("machine", column)


def _order_by(identifier: str) -> None:
    """What comes first of offers that start at the same time."""
    op.drop_index("offer_by_time", "offer")
    op.create_index("offer_by_time", "offer", ["status", "start", identifier])
    op.drop_index("offer_by_factory_and_time", "offer")
    op.create_index("offer_by_factory_and_time", "offer", ["status", "factory", "start", identifier])
