"""Versions with figures, as the gate and the pages read them."""

import re
from typing import Any

from vision.attributes import RACE
from vision.data.utkface import utkface_labels
from vision.evaluation.edits import EDITS
from vision.evaluation.report import describe
from vision.evaluation.scores import collect, figures, groups
from vision.types import AgeEstimate, ClassEstimate, FaceAttributes

HEADS: dict[str, Any] = {
    "age": {"output": "distribution", "labels": []},
    "gender": {"output": "binary", "labels": ["male", "female"]},
    "race": {"output": "classes", "labels": list(RACE.labels)},
}


def without_columns(page: str) -> str:
    """A page whose cells no longer name their columns, for what is read across a row."""
    return re.sub(r'<td data-column="[^"]*">', "<td>", page)


def made_report(count: int = 60) -> dict[str, Any]:
    """A report on `count` white men and as many black women, estimated three years too old."""
    labels, faces = [], []
    for number in range(count):
        for gender, race in ((0, 0), (1, 1)):
            age = 20 + number % 40
            labels.append(utkface_labels(age, gender, race))
            faces.append(
                FaceAttributes(
                    AgeEstimate(age + 3.0, age - 5, age + 8, 0.8),
                    {
                        "gender": ClassEstimate(
                            {"male": 0.9 - 0.8 * gender, "female": 0.1 + 0.8 * gender}
                        ),
                        "race": ClassEstimate(
                            dict.fromkeys(RACE.labels, 0.1) | {RACE.labels[race]: 0.6}
                        ),
                    },
                )
            )
    scores = collect(labels, faces)
    metrics = {"n": len(scores), **figures(scores), "groups": groups(scores)}
    return {
        "metrics": metrics | {"skipped": {}, "seconds": 1.0},
        **describe(scores),
        "edits": made_edits(),
    }


def made_edits() -> dict[str, Any]:
    """Every edit makes people two years older; what it does to races is not known."""
    moved = {
        "age_mae": 1.5, "age_bias": 2.0, "gender_accuracy": -0.01, "race_accuracy": None,
        "race3_accuracy": None,
    }  # fmt: skip
    plain = {"age_mae": 3.0, "age_bias": 3.0, "gender_accuracy": 1.0, "race_accuracy": None}
    return {"n": 77, "as_they_are": plain, "changes": dict.fromkeys(EDITS, moved)}


def group(race: str = "white", n: int = 60, **changed: Any) -> dict[str, Any]:
    """The figures of men in their twenties."""
    return {
        "race": race, "gender": "male", "age": "20-29", "n": n,
        "age_mae": 5.0, "gender_accuracy": 0.9, "race_accuracy": 0.8, **changed,
    }  # fmt: skip


def metrics(**changed: Any) -> dict[str, Any]:
    """Overall figures with one group."""
    return {
        "n": 1000, "age_mae": 5.0, "gender_accuracy": 0.9, "race3_accuracy": 0.93,
        "race_accuracy": 0.8, "groups": [group()], **changed,
    }  # fmt: skip
