"""Alembic's entry: runs the migrations on the connection it is handed."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="ps_ledger_version",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
