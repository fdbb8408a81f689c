"""Alembic's entry point: runs the revisions on the connection that `migrations.upgrade` opened and locked."""

from alembic import context

from migrations import VERSION_SCHEMA

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("there is no connection: run the migrations with `ledger migrate`")

context.configure(connection=connection, version_table_schema=VERSION_SCHEMA, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
