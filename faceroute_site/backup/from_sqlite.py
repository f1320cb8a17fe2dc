"""The rows of an SQLite database, brought into PostgreSQL's tables: each value as Django reads it
there and writes it here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.core.management.color import no_style
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import StateApps
from django.db.models import Model

from vision.diskspace import full_disk_in_words

from .archive import BackupError, read_stream
from .snapshots import OnProgress, second_connection
from .sqlite import STREAM

_ROWS = 2000  # that are read at once


def fill(cursor: CursorWrapper, apps: StateApps, folder: Path, on_progress: OnProgress) -> set[str]:
    """Fill empty tables, those of the models in `apps`, from an archive's streams.

    Returns the tables that are in it and none of theirs. Raises BackupError and DiskFull.
    """
    models: list[type[Model]] = [MigrationRecorder.Migration]
    models += _models(apps)
    with _opened(folder) as alias:
        for done, model in enumerate(models):
            on_progress("database", done, len(models))
            _copy(cursor, model, alias)
        there = set(connections[alias].introspection.table_names())
    for statement in connection.ops.sequence_reset_sql(no_style(), models):
        cursor.execute(statement)
    return there - {model._meta.db_table for model in models}


def _models(apps: StateApps) -> Iterator[type[Model]]:
    """Those that have tables of their own."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            yield model


@contextmanager
def _opened(folder: Path) -> Iterator[str]:
    """The alias of a connection to the database that the streams are."""
    path = folder / "whole.sqlite3"
    with full_disk_in_words(), path.open("wb") as file:
        for piece in read_stream(folder / STREAM):
            file.write(piece)
    engine = "django.db.backends.sqlite3"
    with second_connection(ENGINE=engine, NAME=str(path), OPTIONS={}) as alias:
        yield alias


def _copy(cursor: CursorWrapper, model: type[Model], alias: str) -> None:
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    names = [field.attname for field in fields]
    rows = model._base_manager.using(alias).order_by().values_list(*names).iterator(_ROWS)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column or "") for field in fields)
    target = f"{quote(model._meta.db_table)} ({columns})"
    try:
        with cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in rows:
                pairs = zip(fields, row, strict=True)
                copy.write_row([one.get_db_prep_save(value, connection) for one, value in pairs])
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        [reason, *_where] = str(error).splitlines()
        raise BackupError(
            f"The table {model._meta.db_table} holds what PostgreSQL does not take: {reason}"
        ) from error
