"""What calibrating a model anew does to its intervals and probabilities.

Its tables are in docs/experiments/intervals.md.

    tools/intervals.py DATASET BUNDLE    (an imported dataset's name; FACEROUTE_DATA_DIR as ever)

Calibrates the bundle's heads on the validation split, and prints a table of what they say of the
test split before and after. Two minutes on two cores.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from vision.attributes import Labels
from vision.bundles.bundle import load_bundle
from vision.data.utkface import Curated, Example
from vision.evaluation.scores import Scores, collect, figures, held_by_bin
from vision.heads.calibration import calibrate, log_losses
from vision.heads.losses import head_targets
from vision.heads.specs import HeadSpec, read_estimates
from vision.inference.engine import Engine
from vision.types import FaceAttributes

Outputs = dict[str, NDArray[np.float32]]


def selected(name: str) -> Curated:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
    django.setup()
    from training.datasets import curations
    from training.models import Dataset

    return curations.curated(Dataset.objects.get(name=name), "full")


def looked_at(engine: Engine, examples: Sequence[Example]) -> tuple[Outputs, list[Labels]]:
    from vision.data.crop_files import read_example

    crops = np.stack([read_example(one, engine.input_size) for one in examples])
    return engine.outputs(crops), [one.labels for one in examples]


def calibrated(specs: Sequence[HeadSpec], outputs: Outputs, labels: list[Labels]) -> list[HeadSpec]:
    made = []
    for spec in specs:
        truth, known = head_targets(spec, labels)
        made.append(calibrate(spec, outputs[spec.name][known], truth[known]))
    return made


def said(specs: Sequence[HeadSpec], outputs: Outputs, labels: list[Labels]) -> dict[str, str]:
    """Every row of the table."""
    columns: dict[str, Any] = {
        spec.name: read_estimates(spec, outputs[spec.name]) for spec in specs
    }
    faces = [
        FaceAttributes.of(dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    scores = collect(labels, faces)
    rows = {name: value for name, value in figures(scores).items() if value is not None}
    rows["interval, mean width"] = float((scores.high - scores.low).mean())
    for spec in specs:
        if spec.name != "age":
            truth, known = head_targets(spec, labels)
            losses = log_losses(spec, outputs[spec.name][known], truth[known])
            rows[f"{spec.name}, log-loss"] = float(losses.mean())
    return {name: f"{value:.4f}" for name, value in rows.items()} | held_by(scores)


def held_by(scores: Scores) -> dict[str, str]:
    return {
        f"held, {name}": f"{share:.3f} of {count}"
        for name, (share, count) in held_by_bin(scores).items()
    }


def main(name: str, folder: Path) -> None:
    data, engine = selected(name), Engine(load_bundle(folder))
    new = calibrated(engine.specs, *looked_at(engine, data.validation))
    for spec in new:
        sys.stdout.write(f"{spec.name}: {spec.as_json()}\n")
    test = looked_at(engine, data.test)
    before, after = said(engine.specs, *test), said(new, *test)
    for row in dict.fromkeys((*before, *after)):
        sys.stdout.write(f"{row:32s} {before.get(row, ''):>14s} {after.get(row, ''):>14s}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
