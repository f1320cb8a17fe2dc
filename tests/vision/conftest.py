"""The real detector and the real starter model, loaded once."""

from pathlib import Path

import pytest

from vision.detection import FaceDetector
from vision.engine import Engine
from vision.pipeline import Pipeline

STARTER = Path(__file__).parents[2] / "weights" / "starter"


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(STARTER, precision="float32")


@pytest.fixture(scope="session")
def pipeline(detector: FaceDetector, engine: Engine) -> Pipeline:
    return Pipeline(detector, engine)
