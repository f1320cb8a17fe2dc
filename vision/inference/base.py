"""What every engine does alike: reading crops as they were learnt, batches, estimates."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.bundles.bundle import Bundle, load_bundle
from vision.crops.reading import Reading
from vision.errors import BundleIncompatible
from vision.heads.specs import HeadSpec, needs_mirror, parse_heads, read_estimates
from vision.types import FaceAttributes

Outputs = dict[str, NDArray[np.float32]]
"""Every head's raw outputs (N, units)."""


class BaseEngine(ABC):
    """One model bundle, ready to predict. Not for use by several threads at once."""

    batch_sizes: tuple[int, ...]
    """The sizes of batches that it is made ready for, rising; it takes no more than the last."""

    precision: str
    """What the backbone is computed in."""

    def __init__(self, bundle: Bundle, *, heads: Collection[str] = ATTRIBUTES) -> None:
        """Raises BundleIncompatible where the bundle has none of the heads."""
        self.manifest = bundle.manifest
        self.input_size: int = bundle.manifest["input_size"]
        self.specs: list[HeadSpec] = parse_heads(bundle.manifest, heads)
        self._reading = Reading.of(bundle.manifest)
        if not self.specs:
            raise BundleIncompatible("heads_off")

    @abstractmethod
    def _run(self, crops: NDArray[np.uint8]) -> Outputs:
        """What the network says of crops (N, S, S, 3), N being at most the largest batch."""

    @classmethod
    def load(cls, folder: Path, **options: Any) -> Self:
        """Load and verify the bundle in `folder`; `options` as an engine is made with.

        Raises BundleMissing, BundleCorrupt, BundleIncompatible; ValueError for the precision.
        """
        return cls(load_bundle(folder), **options)

    def warm_up(self) -> None:
        """Run every batch size once, so that the first photo does not pay for it."""
        for size in self.batch_sizes:
            self.predict(np.zeros((size, self.input_size, self.input_size, 3), np.uint8))

    def outputs(self, crops: NDArray[np.uint8]) -> Outputs:
        """Every head's raw outputs, float32 (N, units), for crops uint8 (N, S, S, 3) RGB.

        S is `input_size`; N may be any number. They are read as the bundle says (`Reading`). Heads
        with test-time augmentation have it (`specs.needs_mirror`). Raises ValueError for another
        shape or dtype.
        """
        crops = self._read(crops)
        outputs = self._in_batches(crops)
        twice = {spec.name: needs_mirror(spec, outputs[spec.name]) for spec in self.specs}
        again = np.logical_or.reduce(list(twice.values()))
        if again.any():
            mirrored = self._in_batches(crops[again, :, ::-1])
            for name, chosen in twice.items():
                both = outputs[name][chosen], mirrored[name][chosen[again]]
                outputs[name][chosen] = np.mean(both, axis=0)
        return outputs

    def plain_outputs(self, crops: NDArray[np.uint8]) -> Outputs:
        """As `outputs`, without test-time augmentation."""
        return self._in_batches(self._read(crops))

    def predict(
        self, crops: NDArray[np.uint8], widening: NDArray[np.float64] | None = None
    ) -> list[FaceAttributes]:
        """What the heads say of each crop, uint8 (N, S, S, 3) RGB, aligned to the template.

        `widening` (N,): factors by which ages are less sure than of such crops as calibrated them.
        """
        outputs = self.outputs(crops)
        columns = {
            spec.name: read_estimates(spec, outputs[spec.name], widening) for spec in self.specs
        }
        rows: list[dict[str, Any]] = [
            {name: column[i] for name, column in columns.items()} for i in range(len(crops))
        ]
        return [FaceAttributes.of(row) for row in rows]

    def _read(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        expected = (self.input_size, self.input_size, 3)
        if crops.ndim != 4 or crops.shape[1:] != expected or crops.dtype != np.uint8:
            raise ValueError(f"Crops must be uint8 (N, {self.input_size}, {self.input_size}, 3).")
        return self._reading.read_all(crops)

    def _in_batches(self, crops: NDArray[np.uint8]) -> Outputs:
        largest = self.batch_sizes[-1]
        parts = [self._run(crops[i : i + largest]) for i in range(0, len(crops), largest)]
        return {
            spec.name: np.concatenate(
                [part[spec.name] for part in parts]
                or [np.empty((0, int(spec.layers[-1]["dense"])), np.float32)]
            )
            for spec in self.specs
        }
