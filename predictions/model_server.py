"""The model a worker process has in memory: loaded once, changed when another one is activated."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings

from training.jobs import lifecycle
from training.models import ExportRun, ModelVersion
from training.registry.loading import engine_of
from training.registry.versions import active_version, earlier_versions, has_export
from vision.errors import BundleError, PhotoError
from vision.messages import Message
from vision.types import PhotoResult

if TYPE_CHECKING:
    from vision.detection import Detector

logger = logging.getLogger(__name__)

_NOTHING_ACTIVE = Message("nothing_active")


class Estimator(Protocol):
    """What estimates photos; `vision.inference.pipeline.Pipeline` in life."""

    def decode(self, photos: Sequence[bytes]) -> list[Any]:
        """Photos as `estimate` takes them, of whatever version; other threads may do it."""

    def estimate(self, decoded: Sequence[Any]) -> list[PhotoResult | PhotoError]: ...


@dataclass(frozen=True)
class Served:
    """A model version and the estimator that holds it in memory."""

    version: ModelVersion
    estimator: Estimator


class ModelServer:
    """Keeps the active model version loaded.

    `load` makes the estimator of a version, ready to work at full speed. A version that cannot
    be loaded is tried again after `retry_after` seconds. Until then the one in memory goes on
    serving or, where there is none, the first earlier one that can be loaded.
    `problem` says why the active version is not what serves; None where it is.
    """

    def __init__(
        self, load: Callable[[ModelVersion], Estimator], *, retry_after: float = 30.0
    ) -> None:
        self._load = load
        self._retry_after = retry_after
        self._served: Served | None = None
        self.problem: Message | None = None
        self._refused: int | None = None
        self._retry_at = 0.0

    def current(self) -> Served | None:
        """What serves now, loading a newly activated version first; None: nothing can serve."""
        active = active_version()
        if active is None:
            if self.problem != _NOTHING_ACTIVE:
                logger.error("No model version is active; photos wait. Register and activate one.")
            self.problem, self._refused = _NOTHING_ACTIVE, None
            return None
        if self._served and self._served.version.pk == active.pk:
            self.problem = None
        elif active.pk != self._refused or time.monotonic() >= self._retry_at:
            self._change_to(active)
        return self._served

    @property
    def version_name(self) -> str:
        """The name of the version that serves; empty where none does."""
        if self._served is None or self.problem == _NOTHING_ACTIVE:
            return ""
        return self._served.version.name

    def _change_to(self, active: ModelVersion) -> None:
        reason = self._try(active)
        if reason is None:
            self.problem = None
            return
        if self._served is None:
            self._fall_back(active)
        # Last, so that an error of the database above has it tried again at once.
        self.problem = _problem(active, reason, self._served)
        self._refused, self._retry_at = active.pk, time.monotonic() + self._retry_after
        outcome = f"“{self._served.version}” serves instead" if self._served else "photos wait"
        logger.error("The active model version “%s” cannot serve: %s.", active, outcome)

    def _fall_back(self, active: ModelVersion) -> None:
        for earlier in earlier_versions(active):
            if self._try(earlier) is None:
                return

    def _try(self, version: ModelVersion) -> Message | None:
        """Let a version serve; why it cannot, or None where it does."""
        try:
            self._served = Served(version, self._load(version))
        except Exception as error:
            # Whatever is wrong with a version must not take another one out of service.
            known = isinstance(error, BundleError)
            logger.error(
                "Model version “%s” cannot be loaded: %s", version, error, exc_info=not known
            )
            return error.message if isinstance(error, BundleError) else Message("told_by_log")
        logger.info("Model version “%s” serves now.", version)
        return None


def _problem(active: ModelVersion, reason: Message, served: Served | None) -> Message:
    if served is None:
        return Message("version_not_loaded", {"name": active.name, "reason": reason})
    return Message(
        "other_version_serves",
        {"name": active.name, "instead": served.version.name, "reason": reason},
    )


def load_pipeline(version: ModelVersion) -> Estimator:
    """The detector and the version's network, warmed up. A job gets it an export where it has none.

    Raises a `vision.errors.BundleError` for a bundle that is missing, corrupt or incompatible, or
    cannot be fetched.
    """
    from vision.inference.pipeline import Pipeline

    engine = engine_of(version, settings.HEADS)
    lifecycle.create_where_due(ExportRun, is_due=not has_export(version))
    engine.warm_up()
    return Pipeline(_detector(), engine)


@cache
def _detector() -> "Detector":
    from vision.detection import load_detector

    return load_detector()


# One per worker process. Nothing is loaded before the first use, which comes after the fork.
model_server = ModelServer(load_pipeline)
