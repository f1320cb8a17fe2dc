"""The administrators' pages: datasets and their charts, images, runs, model versions."""

from . import datasets, runs, samples, trainings, versions, withdrawals

__all__ = ["datasets", "runs", "samples", "trainings", "versions", "withdrawals"]
