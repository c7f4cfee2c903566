"""Runs the migrations on the connection that `brainray.catalog.migrating` hands over."""

from alembic import context

from brainray.catalog.tables import Table

connection = context.config.attributes["connection"]
# SQLite cannot alter a column in place; batch mode lets later migrations copy the table instead.
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
