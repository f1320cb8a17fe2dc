"""The site's settings with photos in a store that has no paths, as S3 has none."""

import os
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from faceroute_site.settings import *  # noqa: F403
from faceroute_site.settings import STORAGES


class Store(Storage):
    """Files that are reached by name alone; they lie in the folder that STORE names."""

    def __init__(self) -> None:
        self._files = FileSystemStorage(os.environ["STORE"])

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        return self._files.open(name, mode)

    def _save(self, name: str, content: "File[Any]") -> str:
        return self._files.save(name, content)

    def delete(self, name: str) -> None:
        self._files.delete(name)

    def exists(self, name: str) -> bool:
        return self._files.exists(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return self._files.listdir(path) if self._files.exists(path) else ([], [])


STORAGES = {**STORAGES, "default": {"BACKEND": "tests.site.stored_elsewhere.Store"}}
