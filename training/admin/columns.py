"""Columns of lists that are not known before attributes are declared."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin


def column(
    name: str, words: str, cell: Callable[[Any, str], Any], ordering: Any = None
) -> Callable[[Any], Any]:
    """A column of an admin's list under some words; a row's cell is told by the row and `name`."""

    def shown(row: Any) -> Any:
        return cell(row, name)

    shown.__name__ = name
    return admin.display(shown, description=words, ordering=ordering)
