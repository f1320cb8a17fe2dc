"""Counts how many planted errors the search for label issues finds, and where it lists them.

    FACEROUTE_DATA_DIR=… .venv/bin/python tools/plant_label_errors.py DATASET [ROUNDS]

Of the images in use 40 get the other gender, 35 another race, and 25 the age of another image
that differs by ten years or more. Nothing is written to the database.
"""

import os
import random
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django

django.setup()

from training.datasets import label_issues  # noqa: E402  # Django has to be set up first
from training.models import Dataset, Sample  # noqa: E402

_COUNTS = {"gender": 40, "race": 35, "age": 25}
_LEAST_YEARS = 10


def main(name: str, rounds: int) -> None:
    samples = label_issues.in_use(Dataset.objects.get(name=name))
    features = label_issues.features_of(samples, lambda *_: None)
    groups = np.array([sample.group for sample in samples])
    for seed in range(rounds):
        planted = _plant(samples, random.Random(seed))  # noqa: S311
        for label in _COUNTS:
            issues = label_issues.issues_with(label, samples, features, groups)
            found = sorted(issues, key=lambda one: -one.score)
            place = {one.index: n for n, one in enumerate(found, 1)}
            wrong = [index for index, (its, _) in planted.items() if its == label]
            places = [place[index] for index in wrong if index in place]
            print(  # noqa: T201
                f"round {seed}, {label}: {len(places)} of {len(wrong)} found, "
                f"{len(found)} of {len(samples)} listed, median place {np.median(places):.0f}"
            )
        for index, (label, truth) in planted.items():
            setattr(samples[index], label, truth)


def _plant(samples: list[Sample], rng: random.Random) -> dict[int, tuple[str, int]]:
    """Which images got a wrong label, of what, and what it was."""
    labels = [label for label, count in _COUNTS.items() for _ in range(count)]
    ages = [sample.age or 0 for sample in samples]
    planted = {}
    for index, label in zip(rng.sample(range(len(samples)), len(labels)), labels, strict=True):
        truth = getattr(samples[index], label)
        choices = {
            "gender": [1 - truth],
            "race": [race for race in range(5) if race != truth],
            "age": [age for age in ages if abs(age - truth) >= _LEAST_YEARS],
        }
        setattr(samples[index], label, rng.choice(choices[label]))
        planted[index] = (label, truth)
    return planted


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
