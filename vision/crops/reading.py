"""How crops are made like those a network has learnt from, before it sees them.

Whatever shows crops to a network, to train it, to test it or to serve, shows them through its
`Reading`, so that a crop is read as it was learnt. NumPy.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.errors import BundleIncompatible
from vision.types import Image

from .light import brighten, brighten_face, face_highlights, highlights
from .softness import soften, softness

# Of the training crops: sharper ones are softened to the one, darker ones brightened to the others.
# docs/experiments/softness.md and docs/experiments/light.md tell how they were chosen.
_SOFTNESS_PERCENTILE, _HIGHLIGHTS_PERCENTILE, _FACE_HIGHLIGHTS_PERCENTILE = 50, 5, 1
_MEASURED = 2000  # training crops


@dataclass(frozen=True)
class Reading:
    """What crops are brought to, at a network's input size.

    `softness` is the most fine detail that they keep, on the scale of `softness.softness`; None
    keeps all of it. `highlights` is how bright their brightest hundredth is at least, on the scale
    of `light.highlights`, `face_highlights` how bright that of the face is, on the scale of
    `light.face_highlights`; None leaves dark ones dark.
    """

    softness: float | None = None
    highlights: float | None = None
    face_highlights: float | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Reading":
        """That of a bundle; one whose manifest says nothing of it has crops read as they are.

        Raises BundleIncompatible where it asks for what this version of FaceRoute cannot do.
        """
        return cls.from_json(manifest.get("reading", {}))

    @classmethod
    def from_json(cls, record: Mapping[str, float]) -> "Reading":
        """Raises BundleIncompatible for what `as_json` has not given."""
        try:
            reading = cls(**record)
            known = all(math.isfinite(value) for value in reading.as_json().values())
        except TypeError:
            known = False
        if not known:
            raise BundleIncompatible("reading")
        return reading

    def as_json(self) -> dict[str, float]:
        """What a manifest says under `reading`; nothing of what stays as it is."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def read(self, crop: Image) -> Image:
        """A crop (S, S, 3) as the network is to see it; the crop itself where nothing changes.

        Light comes first: a gain enlarges the rounding of dark values, which is fine detail that
        softening then takes away.
        """
        if self.highlights is not None:
            crop = brighten(crop, self.highlights)
        if self.face_highlights is not None:
            crop = brighten_face(crop, self.face_highlights)
        return crop if self.softness is None else soften(crop, self.softness)

    def read_all(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crops (N, S, S, 3) as the network is to see them."""
        if self == AS_THEY_ARE or not len(crops):
            return crops
        return np.stack([self.read(crop) for crop in crops])


AS_THEY_ARE = Reading()


def measured(crops: Iterable[Image]) -> Reading:
    """What the crops (S, S, 3) that a network of that input learns from call for.

    Those that `sample` tells of are enough.
    """
    found = np.array([(softness(crop), highlights(crop), face_highlights(crop)) for crop in crops])
    soft, bright, face = found.T
    return Reading(
        softness=round(float(np.percentile(soft, _SOFTNESS_PERCENTILE)), 4),
        highlights=round(float(np.percentile(bright, _HIGHLIGHTS_PERCENTILE)), 2),
        face_highlights=round(float(np.percentile(face, _FACE_HIGHLIGHTS_PERCENTILE)), 2),
    )


def sample(count: int) -> NDArray[np.int64]:
    """Which of so many training crops are measured, in their order: at most 2,000, drawn at random
    but always the same."""
    return np.sort(np.random.default_rng(0).permutation(count)[:_MEASURED])
