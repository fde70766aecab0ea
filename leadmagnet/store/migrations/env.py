"""How Alembic runs here: on the connection it is handed, inside the caller's transaction."""

from alembic import context

from leadmagnet.store.models import Model

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Model.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
