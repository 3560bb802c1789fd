"""Alembic's entry: runs migrations on the connection, and in the transaction, that `desk.migrate` hands over."""

from alembic import context

from desk.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
