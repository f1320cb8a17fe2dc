"""Adds images of UTKFace to a dataset as corrections, a third of them wrong; tells what comes.

    FACEROUTE_DATA_DIR=… .venv/bin/python tools/try_corrections.py DATASET UTKFACE

UTKFACE is a folder or a zip, of which 3,000 images that the dataset does not show are drawn and
given by 60 senders. For a data folder that is made to be thrown away.
"""

import hashlib
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django

django.setup()

from training.datasets import corrections, curations  # noqa: E402  # Django has to be set up first
from training.models import Dataset  # noqa: E402
from vision.attributes import ATTRIBUTES, Labels  # noqa: E402
from vision.data.labelled_files import LabelledFile, LabelledFiles  # noqa: E402
from vision.data.utkface import utkface_labels  # noqa: E402
from vision.heads.losses import balancing_weights  # noqa: E402
from vision.training.head_recipes import FULL  # noqa: E402

_COUNT, _SENDERS, _WRONG_OF = 3000, 60, 3


class Given(list[LabelledFile]):
    def hold(self, files: Sequence[LabelledFile]) -> Sequence[LabelledFile]:
        return files


def main(name: str, utkface: Path) -> None:
    dataset = Dataset.objects.get(name=name)
    before = _held_back(dataset)
    with LabelledFiles(utkface) as files:
        given = Given(_corrections(dataset, files))
    corrections.come_from(given)
    added = corrections.add(dataset, lambda *_: None).changed
    dataset.refresh_from_db()
    chosen = curations.current(dataset)["full"]
    _say(f"{added} added; what validates and tests is the same: {_held_back(dataset) == before}")
    _say(f"funnel: {chosen.funnel[-1]}")
    _say(f"{sum(chosen.corrections.values())} train, {max(chosen.corrections.values())} of one")
    examples = curations.curated(dataset, "full").train
    for label in ATTRIBUTES:
        values = np.array([getattr(example.labels, label) for example in examples])
        sigma = 2.0 if label == "age" else 0.0
        weights = balancing_weights(values, FULL.balance, sigma=sigma)
        shares: defaultdict[str, float] = defaultdict(float)
        for example, weight in zip(examples, weights / weights.sum(), strict=True):
            shares[example.sender] += float(weight)
        del shares[""]
        _say(f"{label}: at most {max(shares.values()):.4f} of the weight is one sender's")


def _corrections(dataset: Dataset, files: LabelledFiles) -> Iterator[LabelledFile]:
    rng = random.Random(1)  # noqa: S311
    shown = set(dataset.samples.values_list("digest", flat=True))
    others = [f for f in files if f.labels and hashlib.sha256(f.data).hexdigest() not in shown]
    for number, file in enumerate(rng.sample(others, _COUNT)):
        labels = file.labels
        if labels and number % _WRONG_OF == 0:
            labels = _wrong(labels, rng)
        yield replace(file, name=f"{number}.jpg", labels=labels, sender=f"s{number % _SENDERS}")


def _wrong(labels: Labels, rng: random.Random) -> Labels:
    race = rng.choice([race for race in range(5) if race != labels["race"]])
    return utkface_labels(rng.randint(1, 90), 1 - labels["gender"], race)


def _held_back(dataset: Dataset) -> set[tuple[str, str]]:
    chosen = curations.selection(dataset, "full").chosen
    return {(c.digest, split) for c, split in chosen if split != "train"}


def _say(words: str) -> None:
    print(words)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
