"""Runs in DeepFace's own environment and does what `compare_peers.py` asks (see `driven.py`).

Its three networks have random weights, which take as long as any; nothing is downloaded.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["DEEPFACE_BACKEND_ENGINE"] = "tensorflow"  # that which takes weights that are not there
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
from deepface import DeepFace, __version__  # type: ignore[import-not-found]  # noqa: E402
from deepface.commons import weight_utils  # type: ignore[import-not-found]  # noqa: E402
from deepface.modules import modeling  # type: ignore[import-not-found]  # noqa: E402

_ACTIONS = ("age", "gender", "race")
_SIDE = 224

_download = weight_utils.download_weights_if_necessary


def _unless_random(file_name: str, *arguments: Any, **options: Any) -> Any:
    """The networks' files are not needed; a detector's may lie in DeepFace's folder."""
    if file_name.endswith(".h5"):
        return file_name
    return _download(file_name, *arguments, **options)


weight_utils.download_weights_if_necessary = _unless_random
weight_utils.load_model_weights = lambda model, weight_file: model  # noqa: ARG005


def version() -> str:
    return str(__version__)


def faces(count: int, times: int) -> None:
    """Age, gender and race of so many crops at once."""
    crops = np.random.default_rng(0).random((count, _SIDE, _SIDE, 3), np.float32)
    for _ in range(times):
        for action in _ACTIONS:
            network = modeling.build_model(task="facial_attribute", model_name=action.capitalize())
            network.predict(crops)


def photo(path: str, detector: str, times: int) -> int:
    """Age, gender and race of every face of a photo; how many it has."""
    found = 0
    for _ in range(times):
        found = len(
            DeepFace.analyze(
                path,
                actions=_ACTIONS,
                detector_backend=detector,
                enforce_detection=False,
                silent=True,
            )
        )
    return found


def usable(detector: str) -> str:
    """Why a detector cannot be used here; empty where it can."""
    try:
        modeling.build_model(task="face_detector", model_name=detector)
    except Exception as error:  # a detector that is not installed, or not downloaded
        said = str(error).strip().splitlines()[0]
        return "its weights are not here" if "download" in said else said
    return ""


_DOES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (version, faces, photo, usable)
}

for line in sys.stdin:
    asked = json.loads(line)
    answer = _DOES[asked.pop("do")](**asked)
    _answers.write(json.dumps(answer) + "\n")
    _answers.flush()
