"""Which bundle to load, for workers and for commands that run with nothing else running."""

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from training.models import ModelVersion
from vision.errors import BundleMissing

from .versions import active_version, bundle_path


def resolve_bundle(model: str | None = None) -> Path:
    """The bundle of a version's name or of a folder; without either, the one that serves.

    Where the database holds no active version, or does not exist yet, that is the starter's.
    Raises BundleMissing.
    """
    if model is None:
        return _serving_bundle()
    if Path(model).is_dir():
        return Path(model)
    version = ModelVersion.objects.filter(name=model).first()
    if version is None:
        raise BundleMissing(f"There is neither a model version nor a folder called {model!r}.")
    return bundle_path(version)


def _serving_bundle() -> Path:
    try:
        version = active_version()
    except DatabaseError:
        version = None
    starter: Path = settings.STARTER_BUNDLE
    return bundle_path(version) if version else starter
