"""A database that commands can write to, with no server set up before."""

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def ready_database() -> None:
    """Create or upgrade the embedded database; a server's own is for its operator to migrate.

    Raises CommandError.
    """
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    if connection.vendor != "sqlite":
        raise CommandError("The database is not up to date. Please run `manage.py migrate` first.")
    call_command("migrate", verbosity=0, interactive=False)
