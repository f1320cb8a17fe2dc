"""Whether the heads of a model are calibrated by what the model gives out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision.bundles.bundle import Bundle
from vision.data.utkface import Example
from vision.heads.losses import head_targets
from vision.inference.engine import Engine
from vision.training.head_training import Fitted
from vision.training.progress import validation_figures


def assert_calibrated(
    fitted: Fitted, validation: Sequence[Example], crops: NDArray[np.uint8]
) -> None:
    """What validation said of the gender head, which has test-time augmentation, is true of what it
    gives out with it, not without."""
    engine = Engine(Bundle(fitted.manifest, fitted.tensors), heads=["gender"])
    (spec,) = engine.specs
    targets, _known = head_targets(spec, [example.labels for example in validation])
    first, given = (
        validation_figures(spec, given_by(crops)["gender"], targets)["validation_loss"]
        for given_by in (engine.plain_outputs, engine.outputs)
    )
    said = fitted.validation["gender"]["validation_loss"]
    assert abs(said - given) < abs(said - first) / 4
