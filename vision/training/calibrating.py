"""Calibrating all heads of a bundle at once, by what it gives out when it serves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vision.attributes import Labels
from vision.bundles.bundle import Bundle
from vision.heads.calibration import calibrate
from vision.heads.targets import Targets
from vision.inference.engine import Engine

from .progress import Metrics, validation_figures


def calibrated_bundle(
    bundle: Bundle, crops: NDArray[np.uint8], labels: Sequence[Labels]
) -> tuple[Bundle, Metrics]:
    """The bundle with the temperatures and intervals that suit held-out crops (N, S, S, 3), and its
    heads' figures on them.

    The crops go through an engine, so they are read, and augmented where heads ask for it, as
    they will be when the bundle serves. Raises BundleIncompatible; NothingToLearn for a head
    without any label.
    """
    engine = Engine(bundle)
    outputs, targets = engine.outputs(crops), Targets.of(engine.specs, labels, {})
    heads, validation = dict(bundle.manifest["heads"]), Metrics()
    for spec in engine.specs:
        known = targets.weights[spec.name] > 0
        found, expected = outputs[spec.name][known], targets.by_head[spec.name][known]
        calibrated = calibrate(spec, found, expected)
        heads[spec.name] = calibrated.as_json()
        validation[spec.name] = validation_figures(calibrated, found, expected)
    return replace(bundle, manifest={**bundle.manifest, "heads": heads}), validation
