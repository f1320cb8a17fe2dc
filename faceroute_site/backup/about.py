"""What an archive says of itself, and whether this code can bring it back."""

import tomllib
import uuid
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from .archive import ArchiveDamaged, BackupError

FORMAT = 1


def describe(alias: str, *, media: bool) -> dict[str, Any]:
    """What `backup.json` holds of a backup of a database, with photos or without.

    `migrations`: [app, name, time] of each that was applied; together they name a database, as no
    other was migrated at the same microseconds.
    """
    return {
        "format": FORMAT,
        "id": str(uuid.uuid4()),
        "version": _version(),
        "created_at": timezone.now().isoformat(),
        "database": connections[alias].vendor,
        "media": media,
        "migrations": applied(alias),
    }


def applied(alias: str) -> list[list[str]]:
    """[app, name, time] of every migration that a database has seen."""
    found = MigrationRecorder(connections[alias]).applied_migrations()
    return sorted([*key, row.applied.isoformat()] for key, row in found.items())


def check_usable(about: dict[str, Any], vendor: str) -> None:
    """Raises BackupError where an archive cannot be brought back by this code, into a database
    of this vendor."""
    if about.get("format") != FORMAT:
        raise BackupError(
            f"The archive has format {about.get('format')!r}; this FaceRoute reads {FORMAT}. "
            "Please use the version that wrote it, or a newer one."
        )
    try:
        migrations = {(app, name) for app, name, _time in about["migrations"]}
        version, database = str(about["version"]), str(about["database"])
        uuid.UUID(about["id"])
    except (KeyError, TypeError, ValueError):
        raise ArchiveDamaged("what it says of itself is not whole.") from None
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    if newer := sorted(migrations - set(known or {})):
        raise BackupError(
            f"The archive was written by a newer FaceRoute ({version}; here runs {_version()}, "
            f"which does not know {'.'.join(newer[0])}). Please upgrade first."
        )
    if database != vendor and (database, vendor) != ("sqlite", "postgresql"):
        raise BackupError(
            f"The archive holds a {database} database, and DATABASE_URL names one of {vendor}. "
            "Please restore it into one of its own kind; only SQLite's can change to PostgreSQL."
        )


def _version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    version: str = project["version"]
    return version
