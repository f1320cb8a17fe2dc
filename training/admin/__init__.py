"""The administrators' pages: datasets and their charts, images, runs, model versions."""

from . import datasets, runs, samples, trainings, versions

__all__ = ["datasets", "runs", "samples", "trainings", "versions"]
