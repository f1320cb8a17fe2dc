"""What the labels that a version was made with say of it, and against it.

Kept in its manifest, so that whoever judges it needs no images and no network.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from training.datasets import stored_contents
from training.messages import counted_group, named_head
from training.models import ModelVersion
from training.registry.loading import engine_of
from training.registry.versions import active_version
from vision.attributes import AGE, AGE_BINS, SHIPPED, age_bin, labelled
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Curated, Example
from vision.errors import BundleError
from vision.evaluation.paired import ENOUGH
from vision.messages import Message, Parameter

# Of a class with fewer images than this nothing is learnt, and nothing measured.
FEW = 10
# So many images cost the starter some ten seconds on two busy cores, and tell shares to 3 points.
SAMPLE = 300

# What it is called if a label is what the version that serves says: inside its interval, or its
# likeliest class.
_AGED = "age_interval_coverage"

OnProgress = Callable[[str, int, int], None]


def label_facts(curated: Curated, on_progress: OnProgress) -> dict[str, Any]:
    """The facts for a manifest. `classes`: split → head → label, or decade of age → number of
    images, of the images learnt from (`train`) and of those tested on (`test`); ages are missing
    from versions of before. `agreement`: how often the labels of a
    sample of what was learnt from, or validated on, are what the version that serves estimates, by
    head, with its name and the size of the sample; None where none serves. Images that cannot be
    read are not of the sample. Imports TensorFlow.
    """
    return {
        "classes": {"train": _counts(curated.train), "test": _counts(curated.test)},
        "agreement": _agreement((*curated.train, *curated.validation), on_progress),
    }


def with_test_of(facts: Mapping[str, Any], curated: Curated) -> dict[str, Any]:
    """The facts of a version whose weights are another's, but which was tested on the images of a
    selection."""
    return {**facts, "classes": {**facts["classes"], "test": _counts(curated.test)}}


def label_warnings(version: ModelVersion, rates: Mapping[str, Any]) -> Iterator[Message]:
    """What the labels say against a version; nothing of versions that were made
    before that was kept. `rates`: the figures of the version that serves, where they are known."""
    facts = version.manifest.get("labels")
    if not facts:
        return
    heads = _taught(version.manifest)
    for head in (one.name for one in labelled()):
        if head in heads:
            yield from _class_warnings(head, heads[head]["labels"], facts["classes"])
    counts = facts["classes"]["test"]
    # What ships is said of every image.
    tested = min(sum(counts[name].values()) for name in SHIPPED if name in counts)
    if tested < ENOUGH:
        yield Message("gate.small_test", {"count": tested, "enough": ENOUGH})
    yield from _contradictions(facts["agreement"] or {}, heads, rates)


def _taught(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The heads that a version was trained with; others are as they were in the one before."""
    trained = manifest.get("training", {}).get("recipe", {}).get("heads", manifest["heads"])
    return {name: head for name, head in manifest["heads"].items() if name in trained}


def _counts(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    counted = {
        one.name: Counter(example.labels.get(one.name) for example in examples)
        for one in labelled()
    }
    decades = Counter(age_bin(example.labels[AGE.name]) for example in examples)
    return {
        AGE.name: {decade: decades[decade] for decade in AGE_BINS},
        **{
            one.name: {label: counted[one.name][index] for index, label in enumerate(one.labels)}
            for one in labelled()
        },
    }


def _class_warnings(
    head: str, labels: Sequence[str], classes: Mapping[str, Any]
) -> Iterator[Message]:
    for split, code in (("train", "gate.learnt_from_few"), ("test", "gate.tested_on_few")):
        counts = classes[split][head]
        if few := [counted_group({head: one}, counts[one]) for one in labels if counts[one] < FEW]:
            yield Message(code, {"labels": few})


def _contradictions(
    agreement: Mapping[str, Any], heads: Collection[str], rates: Mapping[str, Any]
) -> Iterator[Message]:
    """The heads whose labels the version that serves gives half as often as those of its exam, or
    for less than half of the images where it has not sat one."""
    for head, figure in _agreed_figures().items():
        share, usual = agreement.get(head), rates.get(figure)
        if head in heads and share is not None and share < (1.0 if usual is None else usual) / 2:
            told: dict[str, Parameter] = {
                "head": named_head(head),
                "name": agreement["version"],
                "count": agreement["n"],
                "share": 100 * share,
            }
            yield Message("gate.contradicted", told)


def _agreed_figures() -> dict[str, str]:
    """Attribute → the figure that says how often a label is what a version says."""
    return {AGE.name: _AGED} | {one.name: f"{one.name}_accuracy" for one in labelled()}


def _agreement(examples: Sequence[Example], on_progress: OnProgress) -> dict[str, Any] | None:
    """Sampled by content, whatever the order. A bundle that is broken says nothing."""
    from vision.evaluation.evaluate import score
    from vision.evaluation.scores import figures

    serving = active_version()
    if serving is None:
        return None
    drawn = heapq.nsmallest(SAMPLE, examples, key=lambda one: one.digest)
    files = [LabelledFile(one.digest, _content(one), one.labels) for one in drawn]
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        on_progress("labels", done, len(files))

    count(0)
    try:
        scores = score(engine_of(serving), files, on_progress=count).scores
    except BundleError:
        return None
    found = figures(scores)
    shares = {head: found[figure] for head, figure in _agreed_figures().items()}
    return {"version": serving.name, "n": len(scores), **shares}


def _content(example: Example) -> bytes:
    """Empty where it is lost, as a broken one says as little."""
    try:
        return stored_contents.read(example.digest)
    except OSError:
        return b""
