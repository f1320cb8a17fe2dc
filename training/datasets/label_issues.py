"""Finding label issues: labels that a model which has not seen them would not give.

Simple heads are fitted to four fifths of a dataset and asked about the other fifth, five times,
so that every answer is about images the head was not fitted to (copies stay together). What
cleanlab then takes for errors, and ages far from the estimate, is shown to administrators by label;
nothing is changed. The backbone itself may have been trained on the same labels, so that more
errors stay unseen than are found.

Of test images no estimate is kept: who sees one labels by it, and the figures of all versions rise.
They are to be looked at blind instead, those with issues among as many others.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Value
from numpy.typing import NDArray

from training.jobs import lifecycle
from training.jobs.lifecycle import JobRefused
from training.messages import TrainingError
from training.models import (
    Annotation,
    Dataset,
    JobState,
    LabelIssue,
    ReviewRun,
    Sample,
)
from training.registry.loading import resolve_bundle
from vision.attributes import ATTRIBUTES, OLDEST_AGE
from vision.bundles.bundle import load_bundle
from vision.data.utkface import Example
from vision.messages import Message

from . import example_files, stored_contents
from .contents import of_sample

Progress = Callable[[str, int, int], None]

_FOLDS = 5
_FEWEST = 50
# Further from the estimate than so many spreads, an age is flagged. Some 3% of UTKFace's are; at
# 3.5, which Iglewicz and Hoaglin name, a quarter of the planted errors that this finds is missed.
_NOTABLE_SPREADS = 2.5


class TooFewImages(TrainingError):
    """There are too few images to learn from four fifths of them."""

    code = "too_few_images"


@dataclass(frozen=True)
class Found:
    """How little a label fits, in 0..1, and what the model would have said."""

    index: int
    label: str
    score: float
    suggestion: str


def request_review(dataset: Dataset, user: Any) -> ReviewRun:
    """Queue a search, or give the one that is under way."""
    try:
        run = lifecycle.create(ReviewRun, dataset=dataset, requested_by=user)
    except JobRefused:
        open_states = [JobState.QUEUED, JobState.RUNNING]
        return ReviewRun.objects.get(dataset=dataset, state__in=open_states)
    lifecycle.enqueue(run)
    return run


def review_now(dataset: Dataset, on_progress: Progress) -> ReviewRun:
    """Search in this process, when it is its turn; how it ended."""
    run = lifecycle.create_in_turn(ReviewRun, on_progress, dataset=dataset)
    return lifecycle.run_now(run, partial(review, dataset), on_progress)


def work(pk: int) -> None:
    """Do a search that waits, if it still does."""
    if run := lifecycle.take(ReviewRun, pk):
        lifecycle.execute(run, partial(review, run.own_dataset))


def review(dataset: Dataset, on_progress: Progress) -> Message:
    """Look for label issues among the images in use; how many there are, to be said.

    Raises TooFewImages, and what computing features may raise. Imports TensorFlow.
    """
    samples = in_use(dataset)
    if len(samples) < _FEWEST:
        raise TooFewImages(least=_FEWEST)
    features = features_of(samples, on_progress)
    groups = np.array([sample.group for sample in samples])
    found: list[Found] = []
    for step, name in enumerate(ATTRIBUTES):
        on_progress("labels", step, len(ATTRIBUTES))
        found += issues_with(name, samples, features, groups)
    _write(dataset, samples, found)
    total = sum(len(sample.labels) for sample in samples)
    return Message("label_issues", {"count": len(found), "total": total})


def in_use(dataset: Dataset) -> list[Sample]:
    """The images that are searched, in the order that `Found.index` counts in."""
    return list(dataset.samples.filter(reason="").order_by("digest", "pk"))


def features_of(samples: list[Sample], on_progress: Progress) -> NDArray[np.float32]:
    """Maximum and mean of `pool5` over its positions: (N, 1024)."""
    from vision.caches.features import PLAIN, open_features

    backbone = load_bundle(resolve_bundle())
    stored_contents.bring_here((sample.digest for sample in samples), on_progress)
    examples = [_example(sample) for sample in samples]
    with open_features(
        backbone, "pool5", cache=settings.FEATURE_ROOT, cache_bytes=settings.FEATURE_BYTES
    ) as store:
        wanted = [(example, PLAIN) for example in examples]
        store.fill(wanted, lambda done, total: on_progress("features", done, total))
        rows = store.rows(examples, PLAIN)
        parts = [store.values[part].astype(np.float32) for part in _chunks(rows, 1000)]
    return np.concatenate(
        [np.concatenate([p.max(axis=(1, 2)), p.mean(axis=(1, 2))], axis=1) for p in parts]
    )


def _example(sample: Sample) -> Example:
    return Example(sample.digest, example_files.path_of(sample.digest), sample.labels)


def _chunks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def issues_with(
    name: str,
    samples: Sequence[Sample],
    features: NDArray[np.float32],
    groups: NDArray[np.int64],
) -> Iterator[Found]:
    """The issues with one label among samples, given the features and the groups of all: of those
    that have it, as long as they are enough to learn from."""
    said = [sample.labels.get(name) for sample in samples]
    known = np.array([index for index, value in enumerate(said) if value is not None], np.int64)
    if len(known) < _FEWEST:
        return
    find = _class_issues if ATTRIBUTES[name].labels else _age_issues
    labels = np.array([said[index] for index in known])
    for found in find(name, labels, features[known], groups[known]):
        yield replace(found, index=int(known[found.index]))


def _class_issues(
    name: str, labels: NDArray[np.int64], features: NDArray[np.float32], groups: NDArray[np.int64]
) -> Iterator[Found]:
    from cleanlab.filter import find_label_issues
    from sklearn.linear_model import LogisticRegression

    present, numbers = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return
    model = LogisticRegression(C=0.01, max_iter=200)
    shares = _held_out(model, features, numbers, groups, "predict_proba")
    # Both of cleanlab's criteria must agree: people look at every find.
    for index in find_label_issues(
        numbers, shares, return_indices_ranked_by="self_confidence", filter_by="both", n_jobs=1
    ):
        suggested = ATTRIBUTES[name].labels[int(present[shares[index].argmax()])]
        yield Found(int(index), name, 1 - float(shares[index, numbers[index]]), suggested)


def _age_issues(
    name: str, labels: NDArray[np.int64], features: NDArray[np.float32], groups: NDArray[np.int64]
) -> Iterator[Found]:
    from sklearn.linear_model import Ridge

    ages = labels.astype(np.float64)
    years = _held_out(Ridge(alpha=1000.0), features, ages, groups, "predict")
    issues = age_issue_scores(ages, years)
    for index in np.flatnonzero(issues > _score_at(_NOTABLE_SPREADS)):
        suggested = min(max(0, round(years[index])), OLDEST_AGE)
        yield Found(int(index), name, float(issues[index]), str(suggested))


def age_issue_scores(ages: NDArray[np.float64], years: NDArray[np.float64]) -> NDArray[np.float64]:
    """How little each label (N,) fits an estimate (N,), both in years: 0..1, ½ at three spreads.

    The spread is that of the estimates nearby, because a child's age is estimated to two years
    and an old person's to ten. It is robust (1.4826 times the median of the absolute errors,
    Iglewicz and Hoaglin 1993), so that wrong labels do not excuse each other.
    """
    errors = np.abs(ages - years)
    spreads = np.empty_like(errors)
    for members in np.array_split(np.argsort(years, kind="stable"), min(10, len(years) // 10)):
        spreads[members] = max(1.0, 1.4826 * float(np.median(errors[members])))
    issues: NDArray[np.float64] = _score_at(errors / spreads)
    return issues


def _score_at(spreads: Any) -> Any:
    squares = (spreads / 3) ** 2
    return squares / (1 + squares)


def _held_out(
    model: Any,
    features: NDArray[np.float32],
    labels: NDArray[Any],
    groups: NDArray[np.int64],
    method: str,
) -> NDArray[np.float64]:
    """What a linear model says of each image when fitted to others."""
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    folds = GroupKFold(_FOLDS, shuffle=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    # Fits this small lose more by waiting for threads than they gain by having several, and
    # beside other work many times over.
    with threadpool_limits(1):
        found: NDArray[np.float64] = cross_val_predict(
            pipeline, features, labels, groups=groups, cv=folds, method=method
        )
    return found


def _write(dataset: Dataset, samples: list[Sample], found: list[Found]) -> None:
    """Keep what was found, but for labels that somebody has spoken of since they came."""
    tests = dataset.samples.annotate(split=of_sample("split", Value(""))).filter(split="test")
    tested = set(tests.values_list("pk", flat=True))
    spoken = {
        (one.sample_id, label)
        for one in Annotation.objects.filter(sample__dataset=dataset)
        for label in one.labels
    }
    news = [one for one in found if (samples[one.index].pk, one.label) not in spoken]
    issues = [
        LabelIssue(sample=sample, label=one.label, score=one.score, suggestion=one.suggestion)
        for one in news
        if (sample := samples[one.index]).pk not in tested
    ]
    flagged = {samples[one.index].pk for one in news} & tested
    others = [sample.pk for sample in samples if sample.pk in tested - flagged]
    drawn = random.Random(dataset.revision).sample(others, min(len(flagged), len(others)))  # noqa: S311
    to_check = [*flagged, *drawn]
    with transaction.atomic():
        LabelIssue.objects.filter(sample__dataset=dataset).delete()
        LabelIssue.objects.bulk_create(issues, 500)
        dataset.samples.filter(to_check=True).update(to_check=False)
        dataset.samples.filter(pk__in=to_check).update(to_check=True)
