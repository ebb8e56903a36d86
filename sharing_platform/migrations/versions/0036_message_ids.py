"""Messages have an id for the parties that says nothing of how many others there are."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.add_column("booking_message", sa.Column("public_id", sa.String(36), nullable=False, server_default=""))
    connection = op.get_bind()
    messages = [{"id": row.id, "public": str(uuid.uuid4())} for row in connection.execute(sa.text("SELECT id FROM booking_message"))]  # fmt: skip
    if messages:
        connection.execute(sa.text("UPDATE booking_message SET public_id = :public WHERE id = :id"), messages)
    op.create_index("message_by_public_id", "booking_message", ["public_id"], unique=True)
    _name_messages({str(one["id"]): one["public"] for one in messages})


def downgrade() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, public_id FROM booking_message"))
    _name_messages({row.public_id: str(row.id) for row in rows})
    op.drop_index("message_by_public_id", "booking_message")
    op.drop_column("booking_message", "public_id")


def _name_messages(names: dict[str, str]) -> None:
    """In reports of messages and the decisions on them."""
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, subject, page FROM report WHERE kind = 'message'")).all():
        if (name := names.get(row.subject)) is not None:
            page = f"{row.page.rpartition('/')[0]}/{name}"
            changed = {"id": row.id, "name": name, "page": page}
            connection.execute(sa.text("UPDATE report SET subject = :name, page = :page WHERE id = :id"), changed)
    for row in connection.execute(sa.text("SELECT id, subject FROM moderation_decision WHERE kind = 'message'")).all():
        if (name := names.get(row.subject)) is not None:
            changed = {"id": row.id, "name": name}
            connection.execute(sa.text("UPDATE moderation_decision SET subject = :name WHERE id = :id"), changed)
