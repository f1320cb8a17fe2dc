"""PostgreSQL: every table by COPY, in one transaction that sees one moment; no program is needed.

The schema is not copied. Migrations make it again, those that the database had seen, and what they
put into its tables gives way to what was in them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from . import from_sqlite
from .archive import read_stream
from .snapshots import OnProgress, Snapshot, Stream, second_connection

_TABLES = "tables"
_DESCRIPTION = "description"
_COLUMNS = """
    SELECT attname, pg_get_serial_sequence(quote_ident(relname), attname)
    FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
    WHERE relname = %s AND relnamespace = current_schema()::regnamespace
        AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum
"""
_SIZE = """
    SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""


def size() -> int:
    with connection.cursor() as cursor:
        return _size(cursor)


@contextmanager
def snapshot(_scratch: Path) -> Iterator[Snapshot]:
    from django.db.backends.postgresql.psycopg_any import IsolationLevel

    options = connection.settings_dict["OPTIONS"]
    options = {**options, "isolation_level": IsolationLevel.REPEATABLE_READ}
    with second_connection(OPTIONS=options) as alias, transaction.atomic(using=alias):
        frozen = connections[alias]
        with frozen.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            _speak_plainly(cursor)
            yield Snapshot(alias, _streams(frozen), _size(cursor))


def load(folder: Path, about: dict[str, Any], on_progress: OnProgress) -> list[str]:
    """An SQLite database as well as one of PostgreSQL."""
    with transaction.atomic(), connection.cursor() as cursor:
        made = _make_tables({(app, name) for app, name, _time in about["migrations"]})
        _empty(cursor, _table_names(connection))
        _speak_plainly(cursor)
        if about["database"] == "sqlite":
            left_out = from_sqlite.fill(cursor, made.apps, folder, on_progress)
        else:
            left_out = _fill_all(cursor, folder, on_progress)
        on_progress("database: checking", 0, 0)  # foreign keys, and what is left for the end
    return sorted(left_out)


def _fill_all(cursor: CursorWrapper, folder: Path, on_progress: OnProgress) -> set[str]:
    described = json.loads(b"".join(read_stream(folder / _DESCRIPTION)))
    made = _table_names(connection)
    tables = [table for table in described if table["name"] in made]
    for done, table in enumerate(tables):
        on_progress("database", done, len(tables))
        _fill(cursor, table, folder)
    return {table["name"] for table in described} - set(made)


def _streams(frozen: BaseDatabaseWrapper) -> Iterator[Stream]:
    described = []
    with frozen.cursor() as cursor:
        for table in _table_names(frozen):
            cursor.execute(_COLUMNS, [table])
            columns = dict(cursor.fetchall())
            yield f"{_TABLES}/{table}", _copied(cursor, table, list(columns))
            # No transaction holds a sequence still: read after the rows, it is past them all.
            sequences = {name: _last(cursor, seq) for name, seq in columns.items() if seq}
            described.append({"name": table, "columns": list(columns), "sequences": sequences})
    yield _DESCRIPTION, iter([json.dumps(described).encode()])


def _copied(cursor: CursorWrapper, table: str, columns: list[str]) -> Iterator[memoryview]:
    with cursor.copy(f"COPY {_quoted(table, columns)} TO STDOUT") as copy:
        yield from copy


def _fill(cursor: CursorWrapper, table: dict[str, Any], folder: Path) -> None:
    target = _quoted(table["name"], table["columns"])
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for piece in read_stream(folder / _TABLES / table["name"]):
            copy.write(piece)
    for column, (last, is_called) in table["sequences"].items():
        name = connection.ops.quote_name(table["name"])
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)", [name, column, last, is_called]
        )


def _make_tables(applied: set[tuple[str, str]]) -> ProjectState:
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(leaves, clean_start=True)
    wanted = [step for step in plan if (step[0].app_label, step[0].name) in applied]
    return executor.migrate(leaves, plan=wanted)


def _empty(cursor: CursorWrapper, tables: list[str]) -> None:
    connection.check_constraints()  # what waits for the end of the transaction is done now
    cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, tables))}")


def _speak_plainly(cursor: CursorWrapper) -> None:
    """Values are written, and read again, in one form whatever the server is set to."""
    cursor.execute("SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'")


def _table_names(database: BaseDatabaseWrapper) -> list[str]:
    with database.cursor() as cursor:
        return sorted(database.introspection.table_names(cursor))


def _last(cursor: CursorWrapper, sequence: str) -> tuple[int, bool]:
    cursor.execute(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608  a quoted name
    last, is_called = cursor.fetchone() or (1, False)
    return last, is_called


def _quoted(table: str, columns: list[str]) -> str:
    quote = connection.ops.quote_name
    return f"{quote(table)} ({', '.join(map(quote, columns))})"


def _size(cursor: CursorWrapper) -> int:
    cursor.execute(_SIZE)
    (size,) = cursor.fetchone() or (0,)
    return int(size)
