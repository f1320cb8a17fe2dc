"""All that is shown of a model version: how well it does, for whom, and how honestly it doubts."""

from collections.abc import Callable, Iterable
from typing import Any

from .evaluate import Predictor, score
from .labelled_files import LabelledFile


def report(
    engine: Predictor,
    files: Iterable[LabelledFile],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score an engine on labelled crops, as `vision.evaluate.evaluate` does, and report in full.

    `metrics` is the document of `evaluate`. Everything is plain JSON.
    """
    return {"metrics": score(engine, files, on_progress=on_progress).as_json()}
