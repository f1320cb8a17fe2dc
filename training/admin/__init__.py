"""The administrators' pages: datasets and their charts, images, runs, model versions."""

from . import corrections, datasets, runs, samples, trainings, versions

__all__ = ["corrections", "datasets", "runs", "samples", "trainings", "versions"]
