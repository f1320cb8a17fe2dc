"""The real detector and the real starter model, loaded once."""

from pathlib import Path

import pytest

from vision.detection import Detector, load_detector
from vision.inference.engine import Engine
from vision.inference.pipeline import Pipeline

STARTER = Path(__file__).parents[2] / "weights" / "starter"


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector()


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(STARTER, precision="float32")


@pytest.fixture(scope="session")
def pipeline(detector: Detector, engine: Engine) -> Pipeline:
    return Pipeline(detector, engine)
