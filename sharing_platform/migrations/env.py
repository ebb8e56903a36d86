"""Alembic runs on the connection that the application hands it."""

from __future__ import annotations

from alembic import context

from sharing_platform.database import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
