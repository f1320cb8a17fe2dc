"""What a model has learnt from, kept with it: which contents, and what they look like.

The list has every image that the model's own training or that of the backbone it went on from has
learnt from, all the way back, so that none of them is ever taken for a test.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vision.data.near_copies import Hashes, Look, within

# Without pixels to confirm it, only hashes this close are taken for one picture: of such pairs
# in UTKFace 425 of 429 are (docs/administrator/datasets.md).
_NEAR_BITS = 2


def _none() -> Hashes:
    return np.zeros(0, np.uint64)


@dataclass(frozen=True)
class TrainedOn:
    """`contents`: the first 8 bytes of SHA-256 sums, sorted, (N,). `hashes`: 64-bit perceptual
    hashes of the same images, sorted by themselves, (M,). `selections`: the fingerprints of the
    selections whose training splits are in it. `unknown`: names of models in its line of descent
    whose training images cannot be told."""

    contents: Hashes = field(default_factory=_none)
    hashes: Hashes = field(default_factory=_none)
    selections: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.contents)

    def __or__(self, other: "TrainedOn") -> "TrainedOn":
        """What both together have learnt from."""
        return TrainedOn(
            np.union1d(self.contents, other.contents),
            np.union1d(self.hashes, other.hashes),
            tuple(sorted({*self.selections, *other.selections})),
            tuple(sorted({*self.unknown, *other.unknown})),
        )

    def holds(self, digests: Sequence[str]) -> NDArray[np.bool_]:
        """Which contents, by their SHA-256 in hexadecimal, are in the list (N,)."""
        return np.isin(_prefixes(digests), self.contents)

    def resembles(self, look: Look) -> bool:
        """Whether an image looks, plain or mirrored, like one in the list."""
        return len(within(look.hashes[:, 0], self.hashes, _NEAR_BITS)) > 0

    def as_bytes(self) -> bytes:
        return save({"contents": self.contents, "hashes": self.hashes})

    def about(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "contents": len(self),
            "selections": list(self.selections),
            "unknown": list(self.unknown),
        }


def of_examples(digests: Iterable[str], hashes: Iterable[int], selection: str) -> TrainedOn:
    """The list of one training split; `selection` is the fingerprint of what it was part of."""
    return TrainedOn(
        np.unique(_prefixes(list(digests))),
        np.unique(np.array(list(hashes), np.uint64)),
        (selection,),
    )


def read(data: bytes, about: dict[str, Any]) -> TrainedOn:
    """What `as_bytes` and `about` gave. Raises ValueError where the data is none of that."""
    try:
        tensors = load(data)
        contents, hashes = tensors["contents"], tensors["hashes"]
        selections, unknown = tuple(about["selections"]), tuple(about["unknown"])
    except (SafetensorError, LookupError, TypeError) as error:
        raise ValueError("This is no list of images.") from error
    if not contents.dtype == hashes.dtype == np.uint64:
        raise ValueError("This is no list of images.")
    return TrainedOn(contents, hashes, selections, unknown)


def _prefixes(digests: Sequence[str]) -> Hashes:
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)
