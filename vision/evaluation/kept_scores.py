"""What a model said of labelled crops, as bytes, to be kept beside their labels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vision.attributes import Labels
from vision.types import FaceAttributes

from .scores import Scores, collect

_COLUMNS = ("years", "low", "high", "promised")
_PROBABILITIES = "{}_shares"  # the name that they are kept under


def as_bytes(scores: Scores) -> bytes:
    """What was said of N crops, as float32: some 44 bytes a crop.

    The labels are not kept: they are those of whoever asks, in the order of the crops.
    """
    said = {name: getattr(scores, name) for name in _COLUMNS}
    said |= {_PROBABILITIES.format(n): column for n, column in scores.probabilities.items()}
    return save({name: column.astype(np.float32) for name, column in said.items()})


def read(data: bytes, labels: Sequence[Labels]) -> Scores:
    """What `as_bytes` gave, with the labels of the same crops in the same order.

    Of an attribute that was not known then nothing was said. Raises ValueError where the data is
    none of that, or of another number of crops.
    """
    silent = collect(labels, [FaceAttributes()] * len(labels))
    try:
        kept = {name: column.astype(np.float64) for name, column in load(data).items()}
        if any(len(column) != len(labels) for column in kept.values()):
            raise ValueError("These are scores of another number of crops.")
        return replace(
            silent,
            years=kept["years"],
            low=kept["low"],
            high=kept["high"],
            promised=kept["promised"],
            probabilities={
                name: kept.get(_PROBABILITIES.format(name), nothing)
                for name, nothing in silent.probabilities.items()
            },
        )
    except (SafetensorError, LookupError) as error:
        raise ValueError("These are no scores.") from error
