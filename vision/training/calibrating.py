"""Calibrating all heads of a bundle at once, by what it gives out when it serves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vision.attributes import Labels
from vision.bundles.bundle import Bundle
from vision.heads.calibration import calibrate
from vision.heads.targets import targets
from vision.inference.engine import Engine

from .progress import Metrics, validation_figures


def calibrated_bundle(
    bundle: Bundle, crops: NDArray[np.uint8], labels: Sequence[Labels]
) -> tuple[Bundle, Metrics]:
    """The bundle with the temperatures and intervals that suit held-out crops (N, S, S, 3), and its
    heads' figures on them.

    The crops go through an engine, so they are read, and looked at twice, as they will be when the
    bundle serves. Raises BundleIncompatible; NothingToLearn for a head without any label.
    """
    engine = Engine(bundle)
    outputs, aims = engine.outputs(crops), targets(engine.specs, labels, {})
    heads, validation = dict(bundle.manifest["heads"]), Metrics()
    for spec in engine.specs:
        known = aims.weights[spec.name] > 0
        found, truth = outputs[spec.name][known], aims.truth[spec.name][known]
        calibrated = calibrate(spec, found, truth)
        heads[spec.name] = calibrated.as_json()
        validation[spec.name] = validation_figures(calibrated, found, truth)
    return replace(bundle, manifest={**bundle.manifest, "heads": heads}), validation
