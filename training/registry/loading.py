"""Which bundle to load, and its network as the settings have it computed."""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError

from training.models import ModelVersion
from vision.attributes import ATTRIBUTES
from vision.backbone.precision import has_gpu
from vision.bundles.bundle import Bundle, load_bundle
from vision.bundles.export import read_export
from vision.errors import BundleMissing

from .stored_bundles import bundle_here, with_bundle
from .versions import active_version

if TYPE_CHECKING:
    from vision.inference.base import BaseEngine


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
    return bundle_here(version)


def _serving_bundle() -> Path:
    try:
        version = active_version()
    except DatabaseError:
        version = None
    starter: Path = settings.STARTER_BUNDLE
    return bundle_here(version) if version else starter


def load_engine(bundle: Bundle | Path, heads: Collection[str] = ATTRIBUTES) -> "BaseEngine":
    """The network of a bundle, or of the folder of one, with those of its heads that are wanted.

    It is computed by the engine and in the precision that the settings name, whether it serves or
    is examined. Imports TensorFlow only where that is the engine. Raises
    `vision.errors.BundleError`'s kinds.
    """
    loaded = load_bundle(bundle) if isinstance(bundle, Path) else bundle
    if _engine() == "tensorflow":
        from vision.inference.engine import Engine

        return Engine(loaded, heads=heads, precision=settings.PRECISION)
    from vision.inference.openvino_engine import OpenVinoEngine

    graph = read_export(bundle, loaded.manifest) if isinstance(bundle, Path) else None
    return OpenVinoEngine(loaded, heads=heads, precision=settings.PRECISION, graph=graph)


def engine_of(version: ModelVersion, heads: Collection[str] = ATTRIBUTES) -> "BaseEngine":
    """The network of a version, as `load_engine` has it. Raises BundleAway, too."""
    return with_bundle(version, partial(load_engine, heads=heads))


def _engine() -> str:
    """The engine of the settings: TensorFlow on a GPU, else OpenVINO, where they leave it open."""
    if settings.ENGINE != "auto":
        engine: str = settings.ENGINE
        return engine
    return "tensorflow" if has_gpu() else "openvino"
