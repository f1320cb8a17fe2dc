"""What an epoch of heads costs on cached features, and on a backbone that is run again."""

import hashlib
import io
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated, Example, utkface_labels
from vision.training.head_recipes import FULL
from vision.training.progress import FitProgress
from vision.training.recipe import Workspace

_TRAINED, _VALIDATED = 960, 96  # images; of far fewer an epoch is mostly its fixed costs
_SIDE = 200  # pixels, as UTKFace's crops have
_EPOCHS = 4
_CACHE = 2**30  # bytes


@dataclass
class _Clock:
    """When what was done of a training, by what it tells."""

    features: list[tuple[int, float]] = field(default_factory=list)
    epochs: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, progress: FitProgress) -> None:
        now = time.perf_counter()
        if progress.phase == "features":
            self.features.append((progress.done, now))
        elif progress.metrics and progress.epoch:
            self.epochs.setdefault(progress.phase, []).append(now)

    @property
    def view(self) -> float:
        """Seconds in which the backbone sees one view of an image, without building it."""
        (done, began), (total, ended) = self.features[1], self.features[-1]
        return (ended - began) / (total - done)

    @property
    def epoch(self) -> float:
        """Seconds of an epoch of all heads, without what only the first has to do."""
        return sum(float(np.diff(ends).min()) for ends in self.epochs.values())


def heads(backbone: Bundle, portrait: bytes, rounds: int) -> dict[str, Any]:
    """The recipe `full` on a few images made of a portrait: seconds of an epoch on cached features
    and with the backbone run for every view, and how many times faster the former is."""
    clocks = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            clocks.append(_trained(backbone, portrait, Path(folder)))
    views = _TRAINED * (2 if FULL.mirror else 1)
    times = sorted((views * clock.view + clock.epoch) / clock.epoch for clock in clocks)
    return {
        "images": _TRAINED,
        "backbone_images_a_second": max(1 / clock.view for clock in clocks),
        "epoch_on_cached_features_ms": 1000 * min(clock.epoch for clock in clocks),
        "times_faster": {"low": times[0], "median": times[len(times) // 2], "high": times[-1]},
    }


def _trained(backbone: Bundle, portrait: bytes, folder: Path) -> _Clock:
    curated = _images(portrait, folder)
    clock = _Clock()
    workspace = Workspace(folder / "training", folder / "cache", _CACHE)
    recipe = FULL.with_changes(epochs=_EPOCHS, patience=_EPOCHS)
    recipe.train(backbone, curated, workspace, clock)
    return clock


def _images(portrait: bytes, folder: Path) -> Curated:
    """The portrait again and again, each time with other noise and labels."""
    with Pillow.open(io.BytesIO(portrait)) as image:
        pixels = np.asarray(image.convert("RGB").resize((_SIDE, _SIDE)), np.float32)
    random = np.random.default_rng(0)
    examples = []
    for index in range(_TRAINED + _VALIDATED):
        noisy = (pixels + random.normal(0, 8, pixels.shape)).clip(0, 255).astype(np.uint8)
        path = folder / f"{index}.jpg"
        Pillow.fromarray(noisy).save(path)
        labels = utkface_labels(int(random.integers(1, 90)), index % 2, index % 5)
        examples.append(Example(hashlib.sha256(path.read_bytes()).hexdigest(), path, labels))
    trained, validated = tuple(examples[:_TRAINED]), tuple(examples[_TRAINED:])
    return Curated("full", 0, "benchmark", trained, validated, ())
