"""Questions to the database that give up soon."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def statement_timeout(seconds: float = 2.0) -> Iterator[None]:
    """Statements inside the block are given up after some seconds (PostgreSQL).

    SQLite's readers wait for nobody, and have no such limit.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        yield
