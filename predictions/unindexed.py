"""Asking for columns in a way that no index answers, where another condition finds few enough rows.

SQLite, which has no statistics unless somebody makes them, would take the index of one of these
columns, and with it read all that an account has, or all that have failed.
"""

from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from .models import Prediction


def unindexed(rows: QuerySet[Prediction], **columns: Any) -> QuerySet[Prediction]:
    """The rows of which each column has its value."""
    for name, value in columns.items():
        alias = f"its_{name}"
        rows = rows.alias(**{alias: Coalesce(F(name), F(name))}).filter(**{alias: value})
    return rows
