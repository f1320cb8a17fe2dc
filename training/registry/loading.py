"""Which bundle to load, and its network as the settings have it computed."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError

from training.models import ModelVersion
from vision.attributes import ATTRIBUTES
from vision.bundles.bundle import Bundle, load_bundle
from vision.errors import BundleMissing

from .versions import active_version, bundle_path

if TYPE_CHECKING:
    from vision.inference.engine import Engine


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
        raise BundleMissing("named", name=model)
    return bundle_path(version)


def _serving_bundle() -> Path:
    try:
        version = active_version()
    except DatabaseError:
        version = None
    starter: Path = settings.STARTER_BUNDLE
    return bundle_path(version) if version else starter


def load_engine(bundle: Bundle | Path, heads: Collection[str] = ATTRIBUTES) -> "Engine":
    """The network of a bundle, or of the folder of one, with those of its heads that are wanted.

    It computes in the precision that the settings name, whether it serves or is examined. Imports
    TensorFlow. Raises `vision.errors.BundleError`'s kinds.
    """
    from vision.inference.engine import Engine

    loaded = load_bundle(bundle) if isinstance(bundle, Path) else bundle
    return Engine(loaded, heads=heads, precision=settings.PRECISION)
