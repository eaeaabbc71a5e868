"""Runs the migrations on the connection that ``database.migrate`` gives. Invariant: opens and commits nothing."""

from alembic import context

from st_pipelines.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
