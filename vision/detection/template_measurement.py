"""Where the detector sees the landmarks of aligned crops: what `alignment.TEMPLATE` is made of."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vision.photos.decoding import decode_upright

from ..errors import PhotoError
from . import Detector


def relative_landmarks(detector: Detector, crops: Iterable[bytes]) -> NDArray[np.float64]:
    """The landmarks of aligned crops (encoded images): (n, 5, 2), fractions of the side.

    Crops that are broken, or in which no face or several are found, are left out.
    """
    found = []
    for data in crops:
        try:
            pixels, (width, height) = decode_upright(data)
        except PhotoError:
            continue
        faces = detector.detect([pixels])[0]
        if len(faces) == 1:
            found.append(faces[0].landmarks / np.array([width, height]))
    return np.array(found).reshape(-1, 5, 2)
