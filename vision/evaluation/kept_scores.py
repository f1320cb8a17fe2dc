"""What a model said of labelled crops, as bytes, to be kept beside their labels."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vision.data.utkface import Labels

from .scores import Scores

# The labels are not kept: they are those of whoever asks, in the order of the crops.
_LABELS = ("age", "gender", "race")


def as_bytes(scores: Scores) -> bytes:
    """What was said of N crops, as float32: some 44 bytes a crop. The labels are left out."""
    said = [field.name for field in fields(Scores) if field.name not in _LABELS]
    return save({name: getattr(scores, name).astype(np.float32) for name in said})


def read(data: bytes, labels: Sequence[Labels]) -> Scores:
    """What `as_bytes` gave, with the labels of the same crops in the same order.

    Raises ValueError where the data is none of that, or of another number of crops.
    """
    try:
        columns: dict[str, Any] = {
            name: column.astype(np.float64) for name, column in load(data).items()
        }
        if any(len(column) != len(labels) for column in columns.values()):
            raise ValueError("These are scores of another number of crops.")
        truth: dict[str, Any] = {
            name: np.array([getattr(one, name) for one in labels], np.int64) for name in _LABELS
        }
        return Scores(**truth, **columns)
    except (SafetensorError, TypeError) as error:
        raise ValueError("These are no scores.") from error
