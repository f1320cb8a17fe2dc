"""Whether the disk has room for a training."""

from django.conf import settings

from vision.data.utkface import Curated
from vision.diskspace import DiskFull, free_bytes, in_words, used_bytes
from vision.training.recipe import Recipe


def check_room(recipe: Recipe, input_size: int, curated: Curated) -> None:
    """Raises DiskFull where the disk has too little room for a training, as far as is known now.

    `input_size` is the backbone's; a recipe that needs none has its own. Features that are kept
    already, be they of other backbones, make room.
    """
    trained, validated = len(curated.train), len(curated.validation)
    features, other = recipe.disk_estimate(input_size, trained, validated)
    _check_cache(features)
    room = free_bytes(settings.DATA_DIR)
    if features:
        room += used_bytes(settings.FEATURE_ROOT)
    if (needed := features + other) > room:
        raise DiskFull("training", needed=in_words(needed), room=in_words(room))


def _check_cache(features: int) -> None:
    """Raises DiskFull where the features are more than the cache may hold."""
    if features > (allowed := settings.FEATURE_BYTES):
        raise DiskFull("cache", needed=in_words(features), room=in_words(allowed))
