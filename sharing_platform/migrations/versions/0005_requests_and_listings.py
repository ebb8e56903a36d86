"""Requests that a planner answers, parts of offers, listings, wanted notices, calendar feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_LIVE = "('held', 'accepted', 'in_use', 'completed')"
_OLD = """id, offer_id, organisation, email, start, "end", booked, request_key"""


def upgrade() -> None:
    op.create_table(
        "catalogue_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "calendar_feed",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("feed_by_organisation", "calendar_feed", ["organisation_id"])
    op.create_table(
        "listing",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=True),
        sa.Column("price_unit", sa.String(10), nullable=False),
        sa.Column("places", sa.Integer(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("listing_by_kind", "listing", ["status", "kind", "id"])
    op.create_index("listing_by_owner", "listing", ["organisation_id"])
    op.create_table(
        "search",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("notify", sa.String(10), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("search_by_kind", "search", ["kind", "status", "id"])
    op.create_index("search_by_owner", "search", ["organisation_id"])
    op.create_table(
        "listing_giver",
        sa.Column("listing_id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=False),
        sa.Column("agreed", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("listing_id", "organisation_id"),
    )
    op.create_table(
        "search_match",
        sa.Column("search_id", sa.String(36), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("found", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["search_id"], ["search.id"]),
        sa.PrimaryKeyConstraint("search_id", "subject"),
    )
    op.bulk_insert(sa.table("catalogue_version", sa.column("id"), sa.column("version")), [{"id": 1, "version": 1}])
    op.add_column("machine", sa.Column("details", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("offer") as table:
        table.add_column(sa.Column("parent_id", sa.String(64)))
        table.add_column(sa.Column("offered_start", sa.DateTime()))
        table.add_column(sa.Column("offered_end", sa.DateTime()))
        table.add_column(sa.Column("booking", sa.String(10), nullable=False, server_default="instant"))
        table.add_column(sa.Column("minimum_hours", sa.Float()))
        table.add_column(sa.Column("buffer_minutes", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("cancellation_hours", sa.Integer(), nullable=False, server_default="24"))
        table.create_foreign_key("offer_parent", "offer", ["parent_id"], ["id"])
    op.execute('UPDATE offer SET offered_start = start, offered_end = "end"')
    with op.batch_alter_table("offer") as table:
        table.alter_column("offered_start", existing_type=sa.DateTime(), nullable=False)
        table.alter_column("offered_end", existing_type=sa.DateTime(), nullable=False)
    op.drop_index("offer_by_machine", "offer")
    op.create_index("offer_by_machine", "offer", ["factory", "machine", "status", "start"])
    is_part = sa.text("parent_id IS NOT NULL")
    op.create_index("offer_by_parent", "offer", ["parent_id"], sqlite_where=is_part, postgresql_where=is_part)
    _new_bookings()
    op.create_table(
        "booking_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("booking_id", sa.String(36), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("party", sa.String(10), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("event_by_booking", "booking_event", ["booking_id", "id"])
    op.create_table(
        "booking_message",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("booking_id", sa.String(36), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("organisation_id", sa.String(63), nullable=True),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("message_by_booking", "booking_message", ["booking_id", "id"])
    op.execute(
        "INSERT INTO booking_event (booking_id, at, state, party) SELECT id, booked, 'accepted', 'platform' FROM booking"
    )
    _append_only("booking_event")


def _new_bookings() -> None:
    """Made anew, and filled with what there was: SQLite cannot change so much of a table, and its trigger goes with it."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("DROP TRIGGER booking_no_overlap")
    for index in ("booking_by_machine", "booking_by_request"):
        op.drop_index(index, "booking")
    op.rename_table("booking", "booking_old")
    if not sqlite:
        op.execute("ALTER TABLE booking_old DROP CONSTRAINT booking_no_overlap")
        op.execute("ALTER TABLE booking_old RENAME CONSTRAINT booking_pkey TO booking_old_pkey")
    op.create_table(
        "booking",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("offer_id", sa.String(64), sa.ForeignKey("offer.id")),
        sa.Column("listing_id", sa.String(36), sa.ForeignKey("listing.id")),
        sa.Column("provider", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63)),
        sa.Column("resource", sa.String(140)),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("free_again", sa.DateTime(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("seeker", sa.String(63), sa.ForeignKey("organisation.id")),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id")),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due", sa.DateTime()),
        sa.Column("cancel_until", sa.DateTime(), nullable=False),
        sa.Column("price", sa.Numeric(12, 2)),
        sa.Column("booked", sa.DateTime(), nullable=False),
        sa.Column("request_key", sa.String(64)),
    )
    op.execute(
        f"INSERT INTO booking ({_OLD}, provider, machine, resource, title, free_again, places, state, due, cancel_until) "
        f"SELECT {_OLD}, factory, machine, factory || '/' || machine, machine, \"end\", 1, 'accepted', start, start FROM booking_old"
    )
    op.drop_table("booking_old")
    for name, columns in (
        ("resource", ["resource", "start"]), ("provider", ["provider", "end"]), ("seeker", ["seeker", "end"]),
        ("offer", ["offer_id"]), ("listing", ["listing_id"]),
    ):  # fmt: skip
        op.create_index(f"booking_by_{name}", "booking", columns)
    op.create_index("booking_due", "booking", ["due"])
    op.create_index("booking_by_request", "booking", ["request_key"], unique=True)
    if not sqlite:
        op.execute(
            "ALTER TABLE booking ADD CONSTRAINT booking_no_overlap EXCLUDE USING gist "
            f'(resource WITH =, tsrange("start", free_again) WITH &&) WHERE (resource IS NOT NULL AND state IN {_LIVE})'
        )
        return
    for what in ("INSERT", "UPDATE OF state, start, free_again, resource"):
        name = what.split()[0].lower()
        op.execute(
            f"""
            CREATE TRIGGER booking_no_overlap_{name} BEFORE {what} ON booking
            WHEN NEW.resource IS NOT NULL AND NEW.state IN {_LIVE} AND EXISTS (
                SELECT 1 FROM booking WHERE resource = NEW.resource AND id <> NEW.id AND state IN {_LIVE}
                AND start < NEW.free_again AND free_again > NEW.start)
            BEGIN SELECT RAISE(ABORT, 'these hours are booked already'); END
            """
        )


def downgrade() -> None:
    raise NotImplementedError("What was agreed since cannot be written in the older form; restore a backup instead.")


def _append_only(table: str) -> None:
    """The database refuses to change or remove a row, whatever the code above it does."""
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
