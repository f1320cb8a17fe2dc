"""What runs go through, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from training.attribute_names import title
from vision.attributes import ATTRIBUTES

_NAMES = {
    "": gettext_lazy("Getting ready"),
    "files": gettext_lazy("Files"),
    "storage": gettext_lazy("Storing"),
    "images": gettext_lazy("Fetching images"),
    "copies": gettext_lazy("Search for copies"),
    "curation": gettext_lazy("Selection"),
    "faces": gettext_lazy("Faces"),
    "mean faces": gettext_lazy("Mean faces"),
    "features": gettext_lazy("Features"),
    "labels": gettext_lazy("Labels"),
    "block5": gettext_lazy("Last block of the backbone"),
    "calibration": gettext_lazy("Calibration"),
    "test": gettext_lazy("Test"),
    "exam": gettext_lazy("Exam"),
    "export": gettext_lazy("Export"),
}


@dataclass(frozen=True)
class Step:
    """A phase on the way: `state` is "past", "now" or "ahead"."""

    name: str
    state: str


def phase_name(phase: str) -> str:
    """A phase as `Job.phase` holds it, in the reader's language; a head has its attribute's."""
    return title(phase) if phase in ATTRIBUTES else str(_NAMES.get(phase, phase))


def steps(phases: Sequence[str], phase: str) -> list[Step]:
    """All phases in order, seen from the one under way; all lie ahead where it is none of them."""
    here = phases.index(phase) if phase in phases else -1
    states = ["past" if n < here else "now" if n == here else "ahead" for n in range(len(phases))]
    return [Step(phase_name(one), state) for one, state in zip(phases, states, strict=True)]
