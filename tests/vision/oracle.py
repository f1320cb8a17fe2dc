"""A model that says what a test wants, and crops it can tell apart."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vision.attributes import RACE
from vision.types import AgeEstimate, ClassEstimate, FaceAttributes


def crop(grey: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (200, 200), (grey, grey, grey)).save(data, "PNG")
    return data.getvalue()


class Oracle:
    """Answers by the grey that is nearest a crop's; `asked` counts the crops it saw."""

    input_size = 48

    def __init__(self, answers: dict[int, FaceAttributes]) -> None:
        self.answers = answers
        self.asked = 0

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]:
        self.asked += len(crops)
        return [self._answer(float(one.mean())) for one in crops]

    def _answer(self, grey: float) -> FaceAttributes:
        return self.answers[min(self.answers, key=lambda known: abs(known - grey))]


def says(years: float, female: float, **races: float) -> FaceAttributes:
    """An age with an interval of five years either way, and the probabilities of labels."""
    return FaceAttributes(
        AgeEstimate(years, round(years) - 5, round(years) + 5, 0.8),
        {
            "gender": ClassEstimate({"male": 1 - female, "female": female}),
            "race": ClassEstimate(dict.fromkeys(RACE.labels, 0.0) | races),
        },
    )
