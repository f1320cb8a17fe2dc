"""Indexes that are made while the site goes on, for migrations of tables that may be long."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations import AddIndex


class AddIndexOnline(AddIndexConcurrently):
    """Adds an index; on PostgreSQL without a lock that holds up whoever writes.

    For migrations that are not atomic. One that was interrupted is run again from its beginning:
    an index that is there by then, whole or not, is made anew.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        quoted = schema_editor.quote_name(self.index.name)
        connection = schema_editor.connection
        # Within a transaction, as in a restore, nobody else writes yet.
        if connection.vendor == "postgresql" and not connection.in_atomic_block:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted}")
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if connection.vendor in ("postgresql", "sqlite"):
            schema_editor.execute(f"DROP INDEX IF EXISTS {quoted}")
        AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
