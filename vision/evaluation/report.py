"""All that is shown of a model version: how well it does, for whom, and how honestly it doubts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE_BINS, ATTRIBUTES, OLDEST_AGE, RACE
from vision.data.labelled_files import LabelledFile

from .by_estimate import by_estimate
from .edits import EDITS, SAMPLE, edit_figures
from .evaluate import Evaluation, Predictor, score
from .fairness import by_group, gaps
from .reliability import age_intervals, reliability
from .robustness import draw
from .scores import CLASSIC_RACES, UNLABELLED, Column, Scores, figures, mean
from .uncertainty import intervals as intervals_of

# The first and the last labelled age of the crops that each protocol looks at. Both are in use
# for publishing figures on UTKFace.
PROTOCOLS: dict[str, tuple[int, int]] = {"all_ages": (0, OLDEST_AGE), "ages_21_60": (21, 60)}

_MOST_POINTS = 1000
_SEED = 0


def report(
    engine: Predictor,
    files: Iterable[LabelledFile],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score an engine on labelled crops, as `vision.evaluation.evaluate.evaluate` does, and report
    in full.

    `files` is gone through twice, so it must not be an iterator; `on_progress` is told how many
    crops more were read, `readings` in all. Plain JSON. `metrics`: the document of `evaluate`,
    with the figures of every group. `protocols`: the figures on all ages and on 21 to 60, with
    95% intervals. `confusion`: counts of every attribute's labels, and of three races, labelled
    (rows) against estimated. `age`: bias and error by labelled decade, a sample of points, counts
    of labelled against estimated decade. `interval` and `reliability`: whether intervals and
    probabilities keep their word. `by_group`: figures by attribute and decade with their 95%
    intervals. `by_estimate`: those of crops that the same was said of. `gaps`: the largest
    differences between groups. `edits`: what `vision.evaluation.edits.edit_figures` finds on a
    sample. What a silent head leaves unknown is None.
    """
    evaluation = score(engine, files, on_progress=on_progress)
    return report_on(evaluation, engine, files, on_progress=on_progress)


def report_on(
    evaluation: Evaluation,
    engine: Predictor,
    files: Iterable[LabelledFile],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """As `report`, of an engine that has been scored on the files already; only a sample of them is
    read again, for `edits`."""

    def edited(_name: str, count: int) -> None:
        if on_progress:
            on_progress(count)

    return {
        "metrics": evaluation.as_json(),
        **describe(evaluation.scores),
        "edits": edit_figures(engine, draw(files, SAMPLE), edited),
    }


def readings(count: int) -> int:
    """How many crops a report on `count` of them reads: all of them, then a sample as it is and
    with every edit."""
    return count + min(count, SAMPLE) * (1 + len(EDITS))


def describe(scores: Scores) -> dict[str, Any]:
    """All of a report but its `metrics` and its `edits`."""
    return {
        "protocols": {name: _protocol(scores, *ages) for name, ages in PROTOCOLS.items()},
        "confusion": _confusions(scores),
        "age": _ages(scores),
        "interval": age_intervals(scores),
        "reliability": {
            name: reliability(probabilities, scores.labels[name])
            for name, probabilities in scores.probabilities.items()
        },
        "by_group": by_group(scores, seed=_SEED),
        "by_estimate": by_estimate(scores),
        "gaps": gaps(scores),
    }


def _protocol(scores: Scores, youngest: int, oldest: int) -> dict[str, Any]:
    """The figures of some ages, and how far each may be off (95%)."""
    ages = scores.labels["age"]
    chosen = scores.where((youngest <= ages) & (ages <= oldest))
    intervals = intervals_of(chosen.outcomes, seed=_SEED)
    squares = intervals["age_mse"]
    # The root keeps the order of what it is taken of, hence its quantiles too.
    intervals["age_rmse"] = squares and [round(end**0.5, 4) for end in squares]
    return {
        "n": len(chosen),
        **figures(chosen),
        "age_within_5": mean(chosen.outcomes["age_within_5"]),
        "intervals": intervals,
    }


def _confusions(scores: Scores) -> dict[str, Any]:
    of_three = scores.labels["race"] < CLASSIC_RACES
    three = scores.probabilities["race"][of_three, :CLASSIC_RACES], scores.labels["race"][of_three]
    return {
        **{
            name: _confusion(probabilities, scores.labels[name], ATTRIBUTES[name].labels)
            for name, probabilities in scores.probabilities.items()
        },
        "race3": _confusion(*three, RACE.labels[:CLASSIC_RACES]),
    }


def _confusion(
    probabilities: Column, labels: NDArray[np.int64], names: Sequence[str]
) -> dict[str, Any] | None:
    known = ~np.isnan(probabilities).any(axis=1) & (labels != UNLABELLED)
    if not known.any():
        return None
    counts = _counts(labels[known], probabilities[known].argmax(axis=1), len(names))
    return {"labels": list(names), "counts": counts}


def _ages(scores: Scores) -> dict[str, Any] | None:
    """Bias (estimated minus labelled) and mean absolute error by labelled decade, and points
    [labelled, estimated]; `counts` has a row for each labelled decade."""
    known = scores.where(~np.isnan(scores.years))
    if not len(known):
        return None
    return {
        "by_decade": [
            {
                "age": name,
                "n": int(of_decade.sum()),
                "bias": mean(known.error[of_decade]),
                "mae": mean(np.abs(known.error[of_decade])),
            }
            for decade, name in enumerate(AGE_BINS)
            for of_decade in [known.decade == decade]
        ],
        "points": _points(known),
        "counts": _counts(known.decade, known.estimated_decade, len(AGE_BINS)),
    }


def _points(scores: Scores) -> list[list[float]]:
    """At most 1,000 crops, drawn at random, in order of their labelled age."""
    random = np.random.default_rng(_SEED)
    drawn = random.permutation(len(scores))[:_MOST_POINTS]
    points = [[int(scores.labels["age"][i]), round(float(scores.years[i]), 1)] for i in drawn]
    return sorted(points)


def _counts(rows: NDArray[np.int64], columns: NDArray[np.int64], size: int) -> list[list[int]]:
    table = np.zeros((size, size), np.int64)
    np.add.at(table, (rows, columns), 1)
    counts: list[list[int]] = table.tolist()
    return counts
