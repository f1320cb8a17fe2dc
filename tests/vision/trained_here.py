"""A small training on whichever Keras backend the process has; run as a module, it is told in JSON.

`python -m tests.vision.trained_here FOLDER` leaves the bundle and the raw outputs of its heads in
the folder.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.vision.training_set import SIZE, make_curated, small_backbone
from vision.bundles.bundle import save_bundle
from vision.data.crop_files import read_crop
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Curated
from vision.evaluation.evaluate import evaluate
from vision.inference.engine import Engine
from vision.training.head_recipes import HEAD_RECIPES
from vision.training.head_training import fit
from vision.training.progress import Metrics

# So many images and steps, so small, that heads of one layer come close to the best they can be,
# whatever the seed, the backend and the precision of the backbone.
RECIPE = HEAD_RECIPES["full"].with_changes(epochs=30, batch=16, mirror=False, learning_rate=0.03)

TRAIN = 384
VALIDATION = 32  # whole batches of the engine, so that it compiles one size


def images(folder: Path) -> Curated:
    """What is trained on, made in the folder."""
    return make_curated(folder, train=TRAIN, validation=VALIDATION)


def train(folder: Path) -> tuple[Curated, Metrics]:
    """Train and save the bundle as `folder/model`: the images, and the figures of validation."""
    curated = images(folder / "images")
    fitted = fit(
        RECIPE,
        small_backbone(),
        curated,
        cache=folder / "features",
        cache_bytes=10**9,
        folder=folder / "run",
        on_progress=lambda _progress: None,
    )
    save_bundle(folder / "model", {**fitted.manifest, "name": "trained"}, fitted.tensors)
    return curated, fitted.validation


def outputs(engine: Engine, curated: Curated) -> dict[str, NDArray[np.float32]]:
    """What the heads say of the images of validation."""
    crops = [read_crop(one.path.read_bytes(), SIZE) for one in curated.validation]
    return engine.outputs(np.stack(crops))


def figures(engine: Engine, curated: Curated) -> dict[str, Any]:
    """What `evaluate` says of all the images of validation together."""
    files = [LabelledFile("", one.path.read_bytes(), one.labels) for one in curated.validation]
    report = evaluate(engine, files)
    return {key: report[key] for key in report.keys() - {"groups", "skipped", "seconds"}}


def main(folder: Path) -> None:
    import keras

    curated, validation = train(folder)
    engine = Engine.load(folder / "model", precision="float32")
    np.savez(folder / "outputs.npz", **outputs(engine, curated))  # type: ignore[arg-type]
    told = {
        "backend": keras.backend.backend(),
        "validation": validation,
        "figures": figures(engine, curated),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
